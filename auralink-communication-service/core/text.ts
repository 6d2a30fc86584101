/** Texts from outside, as far as every part behind us can hold them: PostgreSQL keeps no NUL and no half character. */

/** Whether it has neither control characters nor halves of a surrogate pair. */
export function isPlainText(text: string): boolean {
  return text.isWellFormed() && !/\p{Cc}/u.test(text);
}

/** What a schema says of a text that is not plain. */
export const NOT_PLAIN = 'must not contain control characters';
