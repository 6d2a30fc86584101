/** A modal dialog on the browser's own: it traps focus, makes the rest inert and gives the focus back. */
import { type ReactNode, useEffect, useRef } from 'react';

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
  useEffect(() => {
    const dialog = ref.current;
    if (dialog === null) return;
    // Chromium closes on a second Escape whatever `cancel` was told: open it again.
    const onClose = (): void => {
      if (dismiss.current === undefined) dialog.showModal();
      else dismiss.current();
    };
    const onCancel = (event: Event): void => {
      if (dismiss.current === undefined) event.preventDefault();
    };
    dialog.addEventListener('cancel', onCancel);
    dialog.addEventListener('close', onClose);
    if (!dialog.open) dialog.showModal();
    return () => {
      dialog.removeEventListener('cancel', onCancel);
      dialog.removeEventListener('close', onClose);
      dialog.close();
    };
  }, []);
  return (
    <dialog ref={ref} className={className} role={role} aria-label={label} {...data}>
      {children}
    </dialog>
  );
}
