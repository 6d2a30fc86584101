/**
 * docs/METRICS.md: every metric of ours by name, type, labels and meaning, read from a registry as the service makes
 * it. What the runtime library adds about the process itself is left out; its list depends on the platform.
 */
import type { Registry } from 'prom-client';
import { createMetrics, registerSource } from '../../core/metrics.ts';
import { checkGeneratedPart } from './generated.ts';

const OF_THE_RUNTIME = /^auralink_(nodejs|process)_/;

export async function checkMetrics(root: string, fix: boolean): Promise<string[]> {
  const { registry } = createMetrics();
  registerSource(registry, {
    countActiveRoutes: async () => 0,
    getTrustScores: async (bounds) => ({ upTo: bounds.map(() => 0), count: 0, sum: 0 }),
    getMessageQueues: async () => [],
    getWebhooks: async () => [],
    getMessageSpend: async () => 0,
  });
  return checkGeneratedPart(root, 'docs/METRICS.md', await renderMetrics(registry), fix);
}

async function renderMetrics(registry: Registry): Promise<string> {
  const labels = new Map(registry.getMetricsAsArray().map((metric) => [metric.name, labelsOf(metric)]));
  const rows = (await registry.getMetricsAsJSON())
    .filter(({ name }) => !OF_THE_RUNTIME.test(name))
    .map(({ name, type, help }) => `| \`${name}\` | ${type} | ${labels.get(name) ?? ''} | ${help} |`)
    .sort();
  return ['| metric | type | labels | meaning |', '|---|---|---|---|', ...rows].join('\n');
}

/** prom-client keeps a metric's labels on the object, but not in its types. */
function labelsOf(metric: object): string {
  const names = 'labelNames' in metric && Array.isArray(metric.labelNames) ? metric.labelNames : [];
  return names.map((name) => `\`${name}\``).join(', ');
}
