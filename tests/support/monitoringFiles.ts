import { readdirSync, readFileSync } from 'node:fs';
import { parse } from 'yaml';

/** The chart installs them; operators without it load them from here. */
const FOLDER = new URL('../../deploy/helm/pizzapi/monitoring/', import.meta.url);
const TESTS = new URL('../../deploy/monitoring/alerts.test.yaml', import.meta.url);
const text = (name: string): string => readFileSync(new URL(name, FOLDER), 'utf8');

export interface AlertRule {
  alert: string;
  expr: string;
  labels: Record<string, string>;
  annotations: Record<string, string>;
}

/** The alert rules that an operator loads into Prometheus. */
export function readAlerts(): AlertRule[] {
  const { groups } = parse(text('alerts.yaml')) as { groups: { rules: AlertRule[] }[] };
  return groups.flatMap(({ rules }) => rules);
}

export interface AlertTest {
  name: string;
  input_series: { series: string; values: string }[];
  alert_rule_test: { alertname: string; exp_alerts: unknown[] }[];
}

export function readAlertTests(): AlertTest[] {
  return (parse(readFileSync(TESTS, 'utf8')) as { tests: AlertTest[] }).tests;
}

interface Panel {
  title: string;
  targets?: { expr: string }[];
}

/** The dashboards of Grafana, with the queries of their panels and variables. */
export function readDashboards(): { file: string; title: string; queries: { where: string; expr: string }[] }[] {
  const files = readdirSync(new URL('dashboards/', FOLDER)).filter((name) => name.endsWith('.json'));
  return files.map((file) => {
    const { title, panels, templating } = JSON.parse(text(`dashboards/${file}`)) as {
      title: string;
      panels: Panel[];
      templating: { list: { name: string; definition?: string }[] };
    };
    const ofPanels = panels.flatMap((panel) =>
      (panel.targets ?? []).map(({ expr }) => ({ where: `${file}: ${panel.title}`, expr })),
    );
    const ofVariables = templating.list.flatMap(({ name, definition }) => {
      const [, expr] = /^label_values\((.*), \w+\)$/.exec(definition ?? '') ?? [];
      return expr === undefined ? [] : [{ where: `${file}: $${name}`, expr }];
    });
    return { file, title, queries: [...ofPanels, ...ofVariables] };
  });
}

/** Every query of the dashboards and the alert rules. */
export function readQueries(): { where: string; expr: string }[] {
  return [
    ...readAlerts().map(({ alert, expr }) => ({ where: `alert ${alert}`, expr })),
    ...readDashboards().flatMap(({ queries }) => queries),
  ];
}
