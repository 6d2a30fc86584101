/**
 * What is in front, as one page tells it: written at once, then at most every FOCUS_WRITE_MS and only when it differs,
 * however often a page (or a malicious one) says so.
 */

/** Shortest pause between two writes of one socket. */
export const FOCUS_WRITE_MS = 250;

export class FocusWriter {
  readonly #write: (focused: boolean) => Promise<void>;
  #written: boolean | null = null;
  #wanted = false;
  #timer: NodeJS.Timeout | null = null;

  /** `write` is told the latest value; its failure is forgotten, for the next change comes anyway. */
  constructor(write: (focused: boolean) => Promise<void>) {
    this.#write = write;
  }

  set(focused: boolean): void {
    this.#wanted = focused;
    if (this.#timer === null) this.#flush();
  }

  #flush(): void {
    this.#timer = null;
    if (this.#wanted === this.#written) return;
    this.#written = this.#wanted;
    this.#write(this.#wanted).catch(() => {});
    this.#timer = setTimeout(() => this.#flush(), FOCUS_WRITE_MS);
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }
}
