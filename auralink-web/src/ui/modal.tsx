/** A modal dialog on the browser's own, which makes the rest inert and gives the focus back; Tab goes round in it. */
import { type KeyboardEvent, type ReactNode, useLayoutEffect, useRef } from 'react';

const STOPS = 'button:enabled, input:enabled, select:enabled, textarea:enabled, a[href]';

interface ModalProps {
  readonly label: string;
  readonly className: string;
  readonly role?: 'dialog' | 'alertdialog';
  /** Escape; without it the dialog stays until it is answered. */
  readonly onDismiss?: () => void;
  readonly data?: Readonly<Record<`data-${string}`, string>>;
  readonly children: ReactNode;
}

export function Modal({ label, className, role = 'dialog', onDismiss, data, children }: ModalProps) {
  const ref = useRef<HTMLDialogElement>(null);
  const dismiss = useRef(onDismiss);
  dismiss.current = onDismiss;
  // Before the page is painted without it: closed while it is still there, it gives the focus back.
  useLayoutEffect(() => {
    const dialog = ref.current;
    if (dialog === null) return;
    let focused: EventTarget | null = null;
    const onFocus = (event: Event): void => {
      focused = event.target;
    };
    // Chromium closes on a second Escape whatever `cancel` was told: open it again, with the focus where it was.
    const onClose = (): void => {
      if (dismiss.current !== undefined) {
        dismiss.current();
        return;
      }
      const before = focused;
      dialog.showModal();
      if (before instanceof HTMLElement) before.focus();
    };
    // Dismissed now: `close` comes a task later, and would take what is opened again meanwhile. A file chooser in the
    // dialog is cancelled, too.
    const onCancel = (event: Event): void => {
      if (event.target !== dialog) return;
      event.preventDefault();
      dismiss.current?.();
    };
    dialog.addEventListener('focusin', onFocus);
    dialog.addEventListener('cancel', onCancel);
    dialog.addEventListener('close', onClose);
    if (!dialog.open) dialog.showModal();
    return () => {
      dialog.removeEventListener('focusin', onFocus);
      dialog.removeEventListener('cancel', onCancel);
      dialog.removeEventListener('close', onClose);
      dialog.close();
    };
  }, []);
  return (
    <dialog ref={ref} className={className} role={role} aria-label={label} onKeyDown={keepFocus} {...data}>
      {children}
    </dialog>
  );
}

/** The browser alone would let Tab leave the dialog for its own toolbars. */
function keepFocus(event: KeyboardEvent<HTMLDialogElement>): void {
  if (event.key !== 'Tab') return;
  const stops = [...event.currentTarget.querySelectorAll<HTMLElement>(STOPS)];
  const from = event.shiftKey ? stops[0] : stops.at(-1);
  const to = event.shiftKey ? stops.at(-1) : stops[0];
  if (document.activeElement !== from) return;
  event.preventDefault();
  to?.focus();
}
