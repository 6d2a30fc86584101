/** Parts of which the account's pages are made: a titled panel, rows, what an action said, a question before a deed. */
import { Fragment, type ReactNode, useId, useRef, useState } from 'react';
import { CurrentPasswordField, Form } from './form.tsx';
import { Icon } from './icons.tsx';
import { Modal } from './modal.tsx';
import './panel.css';
import type { Action } from './use-action.ts';
import { useKeptFocus } from './use-kept-focus.ts';
import type { Loaded } from './use-loaded.ts';

interface PanelProps {
  readonly title: string;
  readonly intro?: ReactNode;
  readonly testId?: string;
  readonly children: ReactNode;
}

export function Panel({ title, intro, testId, children }: PanelProps) {
  const id = useId();
  const ref = useRef<HTMLElement>(null);
  const onFocus = useKeptFocus(ref);
  return (
    <section ref={ref} className="panel" aria-labelledby={id} data-testid={testId} onFocus={onFocus}>
      <header>
        <h2 id={id} tabIndex={-1}>
          {softly(title)}
        </h2>
        {intro !== undefined && <p className="hint">{intro}</p>}
      </header>
      {children}
    </section>
  );
}

export function Rows({ label, children }: { label: string; children: ReactNode }) {
  return (
    <ul className="rows" aria-label={label}>
      {children}
    </ul>
  );
}

interface RowProps {
  readonly lead?: ReactNode;
  readonly title: ReactNode;
  readonly detail?: ReactNode;
  readonly testId?: string;
  readonly children?: ReactNode;
}

export function Row({ lead, title, detail, testId, children }: RowProps) {
  return (
    <li className="row" data-testid={testId}>
      {lead}
      <div className="row-text">
        <strong>{softly(title)}</strong>
        {detail !== undefined && <span className="row-detail">{softly(detail)}</span>}
      </div>
      {children !== undefined && <div className="row-acts">{children}</div>}
    </li>
  );
}

/** Long addresses break where their parts end. */
export function softly(text: ReactNode): ReactNode {
  if (typeof text !== 'string') return text;
  return text.split(/(?<=[a-z][.:@_-])(?=[a-z])/i).map((part, at) => (
    // biome-ignore lint/suspicious/noArrayIndexKey: the parts of one text have no other name
    <Fragment key={at}>
      {at > 0 && <wbr />}
      {part}
    </Fragment>
  ));
}

export function Empty({ children }: { children: ReactNode }) {
  return <p className="empty">{children}</p>;
}

/** What stands where a list will be, until it is there or cannot come. */
export function Waiting({ of }: { of: Pick<Loaded<unknown>, 'value' | 'error'> }) {
  if (of.error !== null) return <Failed words={of.error} />;
  if (of.value !== null) return null;
  return (
    <p className="hint" role="status">
      One moment…
    </p>
  );
}

export function Failed({ words }: { words: string }) {
  return (
    <p className="notice bad" role="alert">
      {words}
    </p>
  );
}

export function Outcome({ action, testId }: { action: Action; testId?: string }) {
  return (
    <>
      {action.error !== null && <Failed words={action.error} />}
      <p className="hint good said" role="status" data-testid={testId}>
        {action.said}
      </p>
    </>
  );
}

interface SheetProps {
  readonly title: string;
  readonly onClose: () => void;
  readonly children: ReactNode;
}

export function Sheet({ title, onClose, children }: SheetProps) {
  return (
    <Modal label={title} className="sheet" onDismiss={onClose}>
      <header className="sheet-head">
        <h2>{softly(title)}</h2>
        <button type="button" className="icon-button" aria-label="Close" onClick={onClose}>
          <Icon name="close" />
        </button>
      </header>
      {children}
    </Modal>
  );
}

interface ConfirmProps extends SheetProps {
  readonly action: string;
  readonly testId: string;
  /** She must prove herself by her password. */
  readonly withPassword?: boolean;
  readonly ready?: boolean;
  readonly wordsFor?: (error: unknown) => string | undefined;
  /** Closed by whoever asked, when it has worked. */
  readonly onConfirm: (password: string) => Promise<void>;
}

/** Asks before something that cannot be undone, or that only she may do. */
export function Confirm(props: ConfirmProps) {
  const { title, onClose, action, testId, withPassword = false, ready = true } = props;
  const [password, setPassword] = useState('');
  return (
    <Sheet title={title} onClose={onClose}>
      <Form
        testId={testId}
        action={action}
        danger
        leaves
        disabled={!ready || (withPassword && password === '')}
        onSubmit={() => props.onConfirm(password)}
        {...(props.wordsFor === undefined ? {} : { wordsFor: props.wordsFor })}
      >
        <div className="sheet-text">{props.children}</div>
        {withPassword && (
          <CurrentPasswordField testId={`${testId}-password`} value={password} onValue={setPassword} />
        )}
      </Form>
    </Sheet>
  );
}
