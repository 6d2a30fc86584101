/** Figures of a whole constellation, as an operator's Prometheus reads them. */
import type { Constellation } from '../../auralink-communication-service/launcher/constellation.ts';

/** Sum of all series of a metric whose labels contain a text. */
export type Scrape = (name: string, labels?: string) => Promise<number>;

export function scraper({ urls }: Pick<Constellation, 'urls'>): Scrape {
  return async (name, labels = '') => {
    const text = await (await fetch(`${urls.metrics}/metrics`)).text();
    return text
      .split('\n')
      .filter((line) => (line.startsWith(`${name} `) || line.startsWith(`${name}{`)) && line.includes(labels))
      .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
  };
}
