import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RunningStack } from './localStack.js';
import { parseScrape, type ScrapedSeries } from './promql.js';

const PROCESSES = ['gateway', 'projector', 'authenticator', 'runner'] as const;
export type ScrapedProcess = (typeof PROCESSES)[number];

/** What one process exports. */
export interface Scrape {
  /** The names of all metrics, also of those without a series so far. */
  names: Set<string>;
  series: ScrapedSeries[];
  text: string;
}

/** The port on which a process of a stack with `PIZZAPI_HEALTH_PORT=0` serves its metrics. */
export function healthPortOf({ home }: Pick<RunningStack, 'home'>, process: ScrapedProcess): number {
  const log = readFileSync(join(home, 'logs', `${process}.log`), 'utf8');
  const line = log.split('\n').findLast((one) => /"msg":"health"/.test(one));
  return Number(/"port":(\d+)/.exec(line ?? '')?.[1]);
}

/** Reads the metrics of every process, as Prometheus does. */
export async function scrapeAll(stage: Pick<RunningStack, 'home'>): Promise<Record<ScrapedProcess, Scrape>> {
  const scrapes = PROCESSES.map(async (process) => {
    const answer = await fetch(`http://127.0.0.1:${healthPortOf(stage, process)}/metrics`);
    const text = await answer.text();
    const names = [...text.matchAll(/^# TYPE (\w+) (\w+)$/gm)].flatMap(([, name, kind]) =>
      kind === 'histogram' ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name!],
    );
    return [process, { names: new Set(names), series: parseScrape(text), text }] as const;
  });
  return Object.fromEntries(await Promise.all(scrapes)) as Record<ScrapedProcess, Scrape>;
}
