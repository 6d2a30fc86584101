/**
 * Every metric of ours, in one place and of low cardinality: no label ever carries a person, a call or an address.
 * Each group of methods is what one part of the service feeds; docs/METRICS.md describes them for operators. Names are
 * prefixed, but for the four that the product has always had.
 */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

/** What the database knows and only a scrape asks for. */
export interface MetricsSource {
  countActiveRoutes(): Promise<number>;
  /** How many scores are at most each of `bounds` (ascending), how many there are, and their sum. */
  getTrustScores(bounds: readonly number[]): Promise<{
    readonly upTo: readonly number[];
    readonly count: number;
    readonly sum: number;
  }>;
  /** Messages that wait to be sent, by channel, and how long the oldest has waited. */
  getMessageQueues(): Promise<
    readonly { readonly channel: string; readonly waiting: number; readonly oldestSeconds: number }[]
  >;
  /** Webhooks to the Dashboard that were not taken yet, or were given up. */
  getWebhooks(): Promise<readonly { readonly state: string; readonly count: number }[]>;
  /** What today's SMS cost, in the operator's currency. */
  getMessageSpend(): Promise<number>;
}

const ALERT_SECONDS = [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5];
const ANSWER_SECONDS = [0.5, 1, 2, 5, 10, 20, 30, 45, 60, 120];
const REQUEST_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60];
const TRUST_SCORES = [10, 20, 30, 40, 50, 60, 70, 80, 90, 100];

export type Metrics = ReturnType<typeof createMetrics>;

/** One per process; `register()` of prom-client's own is not used, so that tests may have several. */
export function createMetrics() {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry, prefix: 'auralink_' });
  new Gauge({
    name: 'auralink_service_processes',
    help: 'Service processes that answered this scrape',
    registers,
  }).set(1);
  return {
    registry,
    calls: callMetrics(registers),
    identity: identityMetrics(registers),
    endpoints: endpointMetrics(registers),
    engines: engineMetrics(registers),
    http: httpMetrics(registers),
    messages: messageMetrics(registers),
    dashboard: dashboardMetrics(registers),
  };
}

function callMetrics(registers: Registry[]) {
  const ended = new Counter({
    name: 'cross_app_calls_total',
    help: 'Calls that came to their end, by outcome',
    labelNames: ['outcome'] as const,
    registers,
  });
  const placed = new Counter({
    name: 'auralink_calls_placed_total',
    help: 'Calls placed, by media',
    labelNames: ['media'] as const,
    registers,
  });
  const alerting = new Histogram({
    name: 'auralink_call_alert_seconds',
    help: 'From placing a call until an app of the callee says that it rings',
    buckets: ALERT_SECONDS,
    registers,
  });
  const answered = new Histogram({
    name: 'auralink_call_answer_seconds',
    help: 'How long calls rang before they were answered',
    buckets: ANSWER_SECONDS,
    registers,
  });
  const failovers = new Counter({
    name: 'auralink_ring_failovers_total',
    help: 'Rings passed on because the chosen app did not acknowledge in time',
    registers,
  });
  return {
    placed: (media: string) => placed.inc({ media }),
    alerting: (afterMs: number) => alerting.observe(afterMs / 1_000),
    answered: (ringingMs: number) => answered.observe(ringingMs / 1_000),
    ended: (outcome: string) => ended.inc({ outcome }),
    failedOver: () => failovers.inc(),
  };
}

function identityMetrics(registers: Registry[]) {
  const registrations = new Counter({
    name: 'auraid_registrations_total',
    help: 'Addresses that began to work, by who registered them',
    labelNames: ['via'] as const,
    registers,
  });
  const signIns = new Counter({
    name: 'auralink_sign_ins_total',
    help: 'Tries to sign in, by outcome',
    labelNames: ['outcome'] as const,
    registers,
  });
  const resolves = new Counter({
    name: 'auralink_identity_resolves_total',
    help: 'People looked up, by where the answer came from: remembered, or asked of the database',
    labelNames: ['answer'] as const,
    registers,
  });
  const audited = new Counter({
    name: 'auralink_audit_entries_total',
    help: 'Entries written to the audit log, by act; a transaction that was taken back is counted as well',
    labelNames: ['act'] as const,
    registers,
  });
  const refused = new Counter({
    name: 'auralink_identity_refused_total',
    help: 'What the rules of people, or their blocks, kept from somebody, by what it was',
    labelNames: ['right'] as const,
    registers,
  });
  const rewrapped = new Counter({
    name: 'auralink_identity_rewrapped_total',
    help: 'Data keys of people that were wrapped anew after the key ring was rotated',
    registers,
  });
  const unreadable = new Counter({
    name: 'auralink_identity_unreadable_total',
    help: 'Stored values that could not be opened where they were wanted, by table; they were left out',
    labelNames: ['table'] as const,
    registers,
  });
  return {
    unreadable: (table: string) => unreadable.inc({ table }),
    refused: (right: string) => refused.inc({ right }),
    rewrapped: (keys: number) => rewrapped.inc(keys),
    audited: (act: string) => audited.inc({ act }),
    registered: (via: string) => registrations.inc({ via }),
    signedIn: (outcome: string) => signIns.inc({ outcome }),
    resolved: (remembered: boolean) => resolves.inc({ answer: remembered ? 'remembered' : 'asked' }),
  };
}

function endpointMetrics(registers: Registry[]) {
  const sockets = new Gauge({ name: 'auralink_sockets_open', help: 'Sockets of endpoints', registers });
  const wakes = new Counter({
    name: 'auralink_wake_messages_total',
    help: 'Wake-ups sent to other processes, by carrier; none: given up, the poll finds them',
    labelNames: ['carrier'] as const,
    registers,
  });
  return {
    socketOpened: () => sockets.inc(),
    socketClosed: () => sockets.dec(),
    sent: (carrier: string, messages: number) => wakes.inc({ carrier }, messages),
  };
}

function engineMetrics(registers: Registry[]) {
  const webhooks = new Counter({
    name: 'auralink_livekit_webhooks_total',
    help: 'Webhooks of LiveKit, by what became of them',
    labelNames: ['outcome'] as const,
    registers,
  });
  const transactions = new Counter({
    name: 'auralink_appservice_transactions_total',
    help: 'Transactions that Synapse delivered to us, repeats included',
    registers,
  });
  const events = new Counter({
    name: 'auralink_appservice_events_total',
    help: 'Matrix events in these transactions',
    registers,
  });
  return {
    webhook: (outcome: 'handled' | 'repeated' | 'ignored' | 'refused') => webhooks.inc({ outcome }),
    transaction(eventCount: number) {
      transactions.inc();
      events.inc(eventCount);
    },
  };
}

function httpMetrics(registers: Registry[]) {
  const requests = new Histogram({
    name: 'auralink_http_request_seconds',
    help: 'Requests by method, route and class of status; long polls of Matrix clients are among /_matrix/*',
    labelNames: ['method', 'route', 'status'] as const,
    buckets: REQUEST_SECONDS,
    registers,
  });
  return {
    /** `route` is the route's pattern, never the path. */
    request(method: string, route: string, status: number, ms: number) {
      requests.observe({ method, route, status: `${Math.floor(status / 100)}xx` }, ms / 1_000);
    },
  };
}

function dashboardMetrics(registers: Registry[]) {
  const webhooks = new Counter({
    name: 'auralink_dashboard_webhooks_total',
    help: 'Tries to deliver a webhook to the Dashboard, by what became of each: delivered, retry, dead (given up) or gone (it wants none)',
    labelNames: ['outcome'] as const,
    registers,
  });
  return { webhookTried: (outcome: string) => webhooks.inc({ outcome }) };
}

function messageMetrics(registers: Registry[]) {
  const outcomes = new Counter({
    name: 'auralink_messages_total',
    help: 'E-mails and SMS by what became of them; delayed: put back to be tried again; repeated: its outcome had been lost',
    labelNames: ['channel', 'outcome'] as const,
    registers,
  });
  const limited = new Counter({
    name: 'auralink_messages_limited_total',
    help: 'E-mails and SMS that a limit, the spend or the breaker kept from being sent',
    labelNames: ['channel', 'by'] as const,
    registers,
  });
  return {
    messageOutcome: (channel: string, outcome: string) => outcomes.inc({ channel, outcome }),
    messageLimited: (channel: string, by: string) => limited.inc({ channel, by }),
  };
}

/**
 * Adds what comes from the database. Every process sees the same rows, so a scrape takes one process's figure. When the
 * database is away these metrics are missing from the scrape, not wrong.
 */
export function registerSource(registry: Registry, source: MetricsSource): void {
  register(registry, 'mesh_routes_active', 'gauge', 'Cached routes that may be used now', async () => [
    { value: await source.countActiveRoutes(), labels: {} },
  ]);
  registerMessages(registry, source);
  const waiting =
    'Webhooks to the Dashboard by state: pending, or dead until somebody replays or forgets them';
  register(registry, 'auralink_dashboard_webhooks_waiting', 'gauge', waiting, async () =>
    (await source.getWebhooks()).map(({ state, count }) => ({ value: count, labels: { state } })),
  );
  const name = 'trust_score_distribution';
  register(registry, name, 'histogram', 'Trust scores of people, 0 to 100', async () => {
    const scores = await source.getTrustScores(TRUST_SCORES);
    const buckets = TRUST_SCORES.map((le, i) => ({
      metricName: `${name}_bucket`,
      labels: { le },
      value: scores.upTo[i] ?? 0,
    }));
    return [
      ...buckets,
      { metricName: `${name}_bucket`, labels: { le: '+Inf' }, value: scores.count },
      { metricName: `${name}_sum`, labels: {}, value: scores.sum },
      { metricName: `${name}_count`, labels: {}, value: scores.count },
    ];
  });
}

function registerMessages(registry: Registry, source: MetricsSource): void {
  register(registry, 'auralink_messages_waiting', 'gauge', 'E-mails and SMS that wait to be sent', async () =>
    (await source.getMessageQueues()).map(({ channel, waiting }) => ({
      value: waiting,
      labels: { channel },
    })),
  );
  const help = 'How long the oldest e-mail or SMS has waited to be sent';
  register(registry, 'auralink_messages_oldest_seconds', 'gauge', help, async () =>
    (await source.getMessageQueues()).map(({ channel, oldestSeconds }) => ({
      value: oldestSeconds,
      labels: { channel },
    })),
  );
  register(
    registry,
    'auralink_messages_spend_today',
    'gauge',
    'What the SMS of today (UTC) cost, in the currency of the price list',
    async () => [{ value: await source.getMessageSpend(), labels: {} }],
  );
}

interface Sample {
  readonly metricName?: string;
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
}

/** A metric whose values are counted elsewhere, which prom-client has no class for. */
function register(
  registry: Registry,
  name: string,
  type: 'gauge' | 'histogram',
  help: string,
  collect: () => Promise<Sample[]>,
): void {
  const metric = {
    name,
    async get() {
      const values = await collect().catch(() => []);
      return { name, help, type, aggregator: 'first', values };
    },
  };
  registry.registerMetric(metric as unknown as Gauge);
}
