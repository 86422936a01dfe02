import { parser } from '@prometheus-io/lezer-promql';

/** A series that a query of Prometheus selects. */
export interface Selector {
  metric: string;
  matchers: { label: string; op: string; value: string }[];
}

export interface ParsedQuery {
  selectors: Selector[];
  /** The labels that the query groups or joins by. */
  groupings: string[];
}

/** Replaces what Grafana fills in. */
const withoutVariables = (query: string): string => query.replaceAll('$__rate_interval', '5m');

/** Returns what a query selects. Throws for a text that is not PromQL. */
export function parseQuery(query: string): ParsedQuery {
  const text = withoutVariables(query);
  const selectors: Selector[] = [];
  const groupings: string[] = [];
  let isGrouping = false;
  parser.parse(text).iterate({
    enter: ({ name, type, from, to }) => {
      const here = text.slice(from, to);
      if (type.isError) throw new SyntaxError(`not PromQL at ${from}: ${text}`);
      if (name === 'GroupingLabels') isGrouping = true;
      else if (name === 'LabelName' && isGrouping) groupings.push(here);
      else if (name === 'VectorSelector') selectors.push({ metric: '', matchers: [] });
      else if (name === 'Identifier') selectors.at(-1)!.metric = here;
      else if (name === 'UnquotedLabelMatcher') {
        const [, label = '', op = '', value = ''] = /^(\w+)\s*(=~|!~|!=|=)\s*"(.*)"$/.exec(here) ?? [];
        selectors.at(-1)!.matchers.push({ label, op, value });
      }
    },
    leave: ({ name }) => {
      if (name === 'GroupingLabels') isGrouping = false;
    },
  });
  return { selectors, groupings };
}

/** A series of a scrape: its name and its labels. */
export interface ScrapedSeries {
  name: string;
  labels: Record<string, string>;
  value: number;
}

/** Reads the text format of Prometheus. */
export function parseScrape(text: string): ScrapedSeries[] {
  return text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const [, name = '', labels = '', value = ''] = /^([\w:]+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
      const pairs = [...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, key, text]) => [key!, text!] as const);
      return { name, labels: Object.fromEntries(pairs), value: Number(value) };
    });
}

/** Adds the values of all series of a name whose labels have these values. */
export function sumOf(series: readonly ScrapedSeries[], name: string, labels: Record<string, string> = {}): number {
  return series
    .filter((one) => one.name === name && Object.entries(labels).every(([key, value]) => one.labels[key] === value))
    .reduce((sum, { value }) => sum + value, 0);
}
