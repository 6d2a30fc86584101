/**
 * The port table. Without `--port-base` every port is the one that the README promises; with it, each is the base plus
 * an offset, so that several constellations live side by side.
 */

export interface Ports {
  /** The public door. */
  readonly public: number;
  /** The engines' door: application-service transactions, webhooks. */
  readonly engines: number;
  readonly metrics: number;
  readonly postgres: number;
  readonly synapse: number;
  readonly synapseMetrics: number;
  readonly livekit: number;
  readonly livekitTcp: number;
  readonly redis: number;
  /** SMTP of the development postbox. */
  readonly postboxMail: number;
  /** SMPP of the development postbox. */
  readonly postboxSms: number;
  readonly livekitUdpFirst: number;
  readonly livekitUdpLast: number;
}

/** A constellation uses ports from its base up to base + this. */
export const PORT_SPAN = 301;
const MIN_BASE = 1024;
const MAX_BASE = 65_535 - PORT_SPAN;

const WELL_KNOWN: Ports = {
  public: 8008,
  engines: 8010,
  metrics: 9001,
  postgres: 5433,
  synapse: 8018,
  synapseMetrics: 8019,
  livekit: 7880,
  livekitTcp: 7881,
  redis: 6380,
  postboxMail: 8025,
  postboxSms: 8027,
  livekitUdpFirst: 50_000,
  livekitUdpLast: 50_200,
};

/** `base` null: the well-known ports. Throws RangeError when the base leaves no room. */
export function portsFor(base: number | null): Ports {
  if (base === null) return WELL_KNOWN;
  if (!Number.isInteger(base) || base < MIN_BASE || base > MAX_BASE) {
    throw new RangeError(`--port-base must be a whole number from ${MIN_BASE} to ${MAX_BASE}`);
  }
  return {
    public: base,
    engines: base + 1,
    metrics: base + 2,
    postgres: base + 3,
    synapse: base + 4,
    synapseMetrics: base + 5,
    livekit: base + 6,
    livekitTcp: base + 7,
    redis: base + 8,
    postboxMail: base + 9,
    postboxSms: base + 10,
    livekitUdpFirst: base + 100,
    livekitUdpLast: base + 300,
  };
}
