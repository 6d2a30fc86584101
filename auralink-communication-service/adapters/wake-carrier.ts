/** What the wake bus asks of PostgreSQL and Redis alike: carry text frames to every process, now or not at all. */

export interface WakeCarrier {
  readonly name: string;
  /** False: do not bother to send. */
  readonly healthy: boolean;
  readonly maxFrameBytes: number;
  /** Sends all frames in one round trip; rejects within a bounded time when it cannot. */
  send(frames: readonly string[]): Promise<void>;
  /** Frames of every process, our own too. Call once, before frames are expected. */
  listen(handler: (frame: string) => void): void;
  close(): Promise<void>;
}
