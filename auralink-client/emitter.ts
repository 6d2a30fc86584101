/** A typed event emitter whose `emit` tells when, and whether, the app has dealt with an event. */

/** A handler that has not returned by then counts as one that failed; later events do not wait for it. */
export const HANDLER_PATIENCE_MS = 1_000;

type Handler<T> = (data: T) => unknown;

export class Emitter<Events extends object> {
  readonly #handlers = new Map<keyof Events, Set<Handler<never>>>();
  readonly #onFault: (error: unknown) => void;

  constructor(onFault: (error: unknown) => void) {
    this.#onFault = onFault;
  }

  /** Returns the function that takes the handler off again. */
  on<K extends keyof Events>(type: K, handler: Handler<Events[K]>): () => void {
    const handlers = this.#handlers.get(type) ?? new Set();
    this.#handlers.set(type, handlers.add(handler));
    return () => void handlers.delete(handler);
  }

  hasHandlers(type: keyof Events): boolean {
    return (this.#handlers.get(type)?.size ?? 0) > 0;
  }

  /** True when there was a handler and every one of them returned in time without throwing. Never rejects. */
  async emit<K extends keyof Events>(type: K, data: Events[K]): Promise<boolean> {
    const handlers = [...(this.#handlers.get(type) ?? [])] as Handler<Events[K]>[];
    if (handlers.length === 0) return false;
    const results = await Promise.all(handlers.map((handler) => this.#run(handler, data)));
    return results.every(Boolean);
  }

  async #run<T>(handler: Handler<T>, data: T): Promise<boolean> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    try {
      const returned = handler(data);
      if (!(returned instanceof Promise)) return true;
      const late = new Promise<never>((_, reject) => {
        timer = setTimeout(() => reject(new Error('An event handler took too long.')), HANDLER_PATIENCE_MS);
      });
      await Promise.race([returned, late]);
      return true;
    } catch (error) {
      this.#onFault(error);
      return false;
    } finally {
      clearTimeout(timer);
    }
  }
}
