/**
 * Whoever takes a row away by keyboard stands nowhere: its button is gone, and the browser gives the focus to the page.
 * Here it goes to the row that took its place, else to the nearest one with something to press, else to the box's title.
 */
import { type FocusEvent, type RefObject, useEffect, useRef } from 'react';

const STOPS = 'button:enabled, input:enabled, select:enabled, textarea:enabled, a[href]';

interface Held {
  readonly element: Element;
  /** Which of the box's rows it is in; -1: none. */
  readonly row: number;
}

/** To be the box's `onFocus`. */
export function useKeptFocus(box: RefObject<HTMLElement | null>): (event: FocusEvent) => void {
  const held = useRef<Held | null>(null);
  useEffect(() => {
    const element = box.current;
    if (element === null) return;
    const observer = new MutationObserver(() => {
      const last = held.current;
      if (last === null || last.element.isConnected) return;
      held.current = null;
      if (document.activeElement === document.body) nextStop(element, last.row)?.focus();
    });
    observer.observe(element, { childList: true, subtree: true });
    return () => observer.disconnect();
  }, [box]);
  return ({ target }) => {
    // A dialog gives the focus back itself, to what opened it.
    if (target.closest('dialog') !== null) return;
    const row = target.closest('.row');
    held.current = { element: target, row: row === null ? -1 : rowsOf(box.current).indexOf(row) };
  };
}

function rowsOf(box: HTMLElement | null): Element[] {
  return [...(box?.querySelectorAll('.row') ?? [])];
}

function nextStop(box: HTMLElement, row: number): HTMLElement | null {
  const rows = row < 0 ? [] : rowsOf(box);
  for (const one of [...rows.slice(row), ...rows.slice(0, Math.max(row, 0)).reverse()]) {
    const stop = one.querySelector<HTMLElement>(STOPS);
    if (stop !== null) return stop;
  }
  return box.querySelector<HTMLElement>('h2');
}
