import { CLOSE_CODES, ERRORS } from '@pizzapi/protocol';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { anchorsOf } from './support/markdown.js';
import { readAlerts, readAlertTests, readDashboards, readQueries } from './support/monitoringFiles.js';
import { parseQuery, type Selector } from './support/promql.js';
import { registeredMetrics } from './support/registeredMetrics.js';

/** What Prometheus adds to every series. */
const OF_PROMETHEUS = ['job', 'instance'];
/** Labels that a metric may have: what they name has few values, which do not grow with use. */
const LABELS = new Set(
  [
    'kind',
    'code',
    'outcome',
    'status',
    'state',
    'reason',
    'of',
    'change',
    'stream',
    'bucket',
    'command',
    'channel',
  ].concat(['stage', 'verb', 'what', 'why', 'version', 'wire']),
);
/** The values of a label, where the code has a table of them. */
const VALUES: Readonly<Record<string, readonly string[]>> = {
  'pizzapi_gateway_errors_total.code': Object.keys(ERRORS),
  'pizzapi_gateway_sign_ins_total.outcome': ['ok', ...Object.keys(ERRORS)],
  'pizzapi_gateway_closes_total.reason': Object.keys(CLOSE_CODES),
  'pizzapi_gateway_lease_changes_total.of': ['session', 'runner', 'projector'],
  'pizzapi_gateway_lease_changes_total.change': ['held', 'released', 'expired'],
  'pizzapi_gateway_leases.of': ['session', 'runner', 'projector'],
  'pizzapi_gateway_viewers.state': ['greeted', 'filling', 'slow', 'live'],
  'pizzapi_runner_commands_total.outcome': ['ok', ...Object.keys(ERRORS)],
  'pizzapi_runner_sessions.state': ['awake', 'asleep'],
  'pizzapi_auth_callouts_total.outcome': ['admitted'],
};

const registered = registeredMetrics();

/** Returns the labels of a metric of ours, or undefined for a name that no process registers. */
function labelsOf(name: string): readonly string[] | undefined {
  const plain = registered.find((metric) => metric.name === name && metric.kind !== 'histogram');
  if (plain !== undefined) return plain.labels;
  const [, base, suffix] = /^(\w+)_(bucket|sum|count)$/.exec(name) ?? [];
  const histogram = registered.find((metric) => metric.name === base && metric.kind === 'histogram');
  return histogram && [...histogram.labels, ...(suffix === 'bucket' ? ['le'] : [])];
}

/** Metrics that Prometheus and the client library have. */
const isForeign = (name: string): boolean => name === 'up' || /^(process|nodejs)_/.test(name);

/** Returns what is wrong with a selector, by the table of metrics. */
function problemsOf({ metric, matchers }: Selector): string[] {
  if (isForeign(metric)) return [];
  const labels = labelsOf(metric);
  if (labels === undefined) return [`no process has the metric ${metric}`];
  return matchers.flatMap(({ label, op, value }) => {
    if (OF_PROMETHEUS.includes(label)) return [];
    if (!labels.includes(label)) return [`${metric} has no label ${label}`];
    const values = VALUES[`${metric}.${label}`];
    if (values === undefined) return [`the test has no values of the label ${label} of ${metric}`];
    return (op.includes('~') ? value.split('|') : [value])
      .filter((one) => !values.includes(one))
      .map((one) => `${metric}{${label}} is never "${one}"`);
  });
}

describe('the metrics', () => {
  it('no metric has a label whose values grow with the number of sessions, people or machines', () => {
    const foreign = registered.flatMap(({ name, labels }) =>
      labels.filter((label) => !LABELS.has(label)).map((label) => `${name}{${label}}`),
    );
    expect(foreign).toEqual([]);
  });

  it('the name of a metric has its unit, and ends in _total exactly when it is a counter', () => {
    for (const { name, kind } of registered) expect(name.endsWith('_total'), name).toBe(kind === 'counter');
    for (const { name, kind } of registered) if (kind === 'histogram') expect(name).toMatch(/_seconds$/);
  });
});

describe('the dashboards and alerts', () => {
  const queries = readQueries();

  it('there is a dashboard for the relay and one for the runners', () => {
    expect(
      readDashboards()
        .map(({ title }) => title)
        .sort(),
    ).toEqual(['PizzaPi relay', 'PizzaPi runners']);
    expect(queries.length).toBeGreaterThan(80);
  });

  it.each(queries)('$where selects metrics and labels that our processes have', ({ expr }) => {
    const { selectors, groupings } = parseQuery(expr);
    expect(selectors).not.toEqual([]);
    expect(selectors.flatMap(problemsOf)).toEqual([]);
    const known = selectors.flatMap(({ metric }) => labelsOf(metric) ?? []);
    expect(groupings.filter((label) => ![...OF_PROMETHEUS, ...known].includes(label))).toEqual([]);
  });

  it('the check refuses a metric that no process has, a label that it has not, and a value that never occurs', () => {
    const problems = (query: string) => parseQuery(query).selectors.flatMap(problemsOf);
    expect(problems('rate(pizzapi_gateway_gone_total[5m])')).toHaveLength(1);
    expect(problems('pizzapi_gateway_viewers{session="x"}')).toHaveLength(1);
    expect(problems('pizzapi_gateway_viewers{state=~"slow|tired"}')).toEqual([
      'pizzapi_gateway_viewers{state} is never "tired"',
    ]);
    expect(() => parseQuery('sum(rate(')).toThrow('not PromQL');
  });
});

describe('the alerts', () => {
  const alerts = readAlerts();
  const tests = readAlertTests();
  const runbook = anchorsOf(readFileSync(new URL('../docs/operate/monitoring.md', import.meta.url), 'utf8'));

  it('every alert has a severity, a summary, and a section in the runbook', () => {
    for (const { alert, labels, annotations } of alerts) {
      expect(['critical', 'warning', 'info'], alert).toContain(labels['severity']);
      expect(annotations['summary'], alert).toMatch(/.{20}/);
      expect(annotations['runbook'], alert).toBe(`docs/operate/monitoring.md#${alert.toLowerCase()}`);
      expect([...runbook], alert).toContain(alert.toLowerCase());
    }
  });

  it('the runbook has no section of an alert that does not exist', () => {
    const sections = [...runbook].filter((anchor) => /^pizzapi[a-z]/.test(anchor));
    expect(sections.sort()).toEqual(alerts.map(({ alert }) => alert.toLowerCase()).sort());
  });

  it('every alert has a test in which it fires and one in which it does not', () => {
    const of = (fires: boolean) =>
      tests.flatMap(({ alert_rule_test: cases }) =>
        cases.filter(({ exp_alerts }) => exp_alerts.length > 0 === fires).map(({ alertname }) => alertname),
      );
    const names = alerts.map(({ alert }) => alert).sort();
    expect(of(true).sort()).toEqual(names);
    expect(of(false).sort()).toEqual(names);
  });

  it('the series of the tests are those that the rules select', () => {
    for (const { name, input_series: series, alert_rule_test: cases } of tests) {
      const rule = alerts.find(({ alert }) => alert === cases[0]?.alertname);
      const selected = parseQuery(rule?.expr ?? 'up').selectors.map(({ metric }) => metric);
      for (const one of series) expect(selected, name).toContain(one.series.split('{')[0]);
      for (const one of series) expect(parseQuery(one.series).selectors.flatMap(labelProblems), name).toEqual([]);
    }
  });
});

/** Returns the labels of a series that its metric does not have. */
function labelProblems({ metric, matchers }: Selector): string[] {
  if (isForeign(metric)) return [];
  const known = [...OF_PROMETHEUS, ...(labelsOf(metric) ?? [])];
  return matchers.map(({ label }) => label).filter((label) => !known.includes(label));
}
