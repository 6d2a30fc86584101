/** A form of the sign-in page: its errors in that page's words, and a page that is left when it has worked. */
import { Form, type FormProps } from '../ui/form.tsx';
import { signInWords } from './api.ts';

export function SignInForm({ wordsFor, ...props }: Omit<FormProps, 'leaves' | 'done'>) {
  return <Form leaves wordsFor={(error) => wordsFor?.(error) ?? signInWords(error)} {...props} />;
}
