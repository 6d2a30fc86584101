/** The two fields in which somebody names herself: the address that she would like, and the name that others see. */
import type { ReactNode } from 'react';
import { AuraLinkError } from '../../../auralink-client/index.ts';
import { ExactField, TextField } from '../ui/form.tsx';

/** When another one claims the address between its check and the claim. */
export function takenWords(error: unknown): string | undefined {
  const taken = error instanceof AuraLinkError && error.errcode === 'M_USER_IN_USE';
  return taken ? 'Somebody was quicker: this address has just been taken.' : undefined;
}

export interface NameFieldsProps {
  /** Beginning of the fields' test ids. */
  readonly testId: string;
  readonly name: string;
  readonly onName: (name: string) => void;
  /** The address is known to be none that she can have. */
  readonly refused: boolean;
  /** What is known of the address. */
  readonly status: ReactNode;
  readonly displayName: string;
  readonly onDisplayName: (displayName: string) => void;
}

export function NameFields(props: NameFieldsProps) {
  return (
    <>
      <ExactField
        label="Your address"
        testId={`${props.testId}-name`}
        value={props.name}
        onValue={props.onName}
        placeholder="alice"
        autoComplete="username"
        required
        aria-invalid={props.refused}
        hint={props.status}
      />
      <TextField
        label="Name that others see (if you like)"
        testId={`${props.testId}-display`}
        value={props.displayName}
        onValue={props.onDisplayName}
        placeholder="Alice"
        autoComplete="name"
        maxLength={60}
      />
    </>
  );
}
