import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import {
  deployFolder,
  nameOf,
  podTemplateOf,
  readRendering,
  renderingFolder,
  RENDERINGS,
  type Rendering,
} from './manifests.js';
import { settingsOf } from './settings.js';
import { HELM, helmTemplate, render, rendered } from './testing/helm.js';
import { at, listAt, textAt } from './values.js';

const NAMES = Object.keys(RENDERINGS) as Rendering[];
if (HELM === undefined) console.warn('SKIPPED: the chart is not rendered, because no helm is on the PATH.');

/** What a folder holds: the text of each file. */
const kept = (folder: string) =>
  new Map(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), 'utf8')]));

/** `UPDATE_MANIFESTS=1` writes the manifests again. */
function update(folder: string, files: ReadonlyMap<string, string>): void {
  mkdirSync(folder, { recursive: true });
  for (const [name, text] of files) writeFileSync(join(folder, name), text);
  for (const name of readdirSync(folder)) if (!files.has(name)) rmSync(join(folder, name));
}

it.each(NAMES)('the kustomization of %s lists every manifest beside it', (name) => {
  const folder = renderingFolder(name);
  const kustomization: unknown = parse(readFileSync(join(folder, '../kustomization.yaml'), 'utf8'));
  const listed = listAt(kustomization, 'resources').filter((file) => String(file).startsWith('manifests/'));
  expect(listed).toEqual(readdirSync(folder).map((file) => `manifests/${file}`));
});

it('the chart has the version of the repository, which is the tag of its images', () => {
  const read = (path: string): unknown => parse(readFileSync(join(deployFolder(), path), 'utf8'));
  const version = textAt(read('../package.json'), 'version');
  expect(read('helm/pizzapi/Chart.yaml')).toMatchObject({ version, appVersion: version });
  expect(textAt(podTemplateOf(readRendering('production'), 'gateway').containers[0], 'image')).toContain(`:${version}`);
});

describe.skipIf(HELM === undefined)('the chart', () => {
  it.each(NAMES)('the manifests of %s are what helm renders', (name) => {
    const files = render(name);
    if (process.env['UPDATE_MANIFESTS'] === '1') update(renderingFolder(name), files);
    expect(Object.fromEntries(kept(renderingFolder(name)))).toEqual(Object.fromEntries(files));
  });

  it('the chart refuses a value that it does not know, and values that do not fit together', () => {
    const refused =
      (...settings: string[]) =>
      () =>
        helmTemplate(...settings.flatMap((one) => ['--set', one]));
    expect(refused('gateway.replica=3')).toThrow(/replica/);
    expect(refused('gateway.replicas=1')).toThrow(/replicas/);
    expect(refused('nats.image.tag=latest')).toThrow(/tag/);
    expect(refused('ingress.enabled=true')).toThrow(/host/);
    expect(refused('nats.mode=external')).toThrow(/external/);
    expect(refused('provision.replicas=3')).toThrow(/provision/);
    expect(refused('gateway.env.PIZZAPI_NATS_PASSWORD=x')).toThrow(/PIZZAPI_NATS_PASSWORD/);
    expect(refused('gateway.env.PIZZAPI_PORT=80')).toThrow(/PIZZAPI_PORT/);
    expect(refused('networkPolicy.monitoring=null')).toThrow();
  });

  it('with a NATS that is there already the chart renders none, and the policies allow its address', () => {
    const values = ['helm/pizzapi/values-production.yaml', 'helm/pizzapi-with-nats-values.yaml'];
    const manifests = rendered(...values.flatMap((file) => ['--values', join(deployFolder(), file)]));
    expect(manifests.map(nameOf).filter((name) => name.includes('nats'))).toEqual([]);
    const gateway = manifests.find((each) => nameOf(each) === 'NetworkPolicy/pizzapi-gateway');
    expect(JSON.stringify(at(gateway, 'spec.egress'))).toContain('"app.kubernetes.io/name":"nats"');
  });

  it('an upgrade provisions before the new services start, and an installation beside them', () => {
    const job = (...args: string[]) => rendered(...args).find(({ kind }) => kind === 'Job');
    expect(at(job(), 'metadata.annotations')).toBeUndefined();
    expect(at(job('--is-upgrade'), ['metadata', 'annotations', 'helm.sh/hook'])).toBe('pre-upgrade');
    // The pods of a Job cannot change, so that another image or option is another Job.
    const name = (...args: string[]) => nameOf(job(...args)!);
    expect(name('--set', 'image.tag=9.9.9')).not.toBe(name());
    expect(name('--set', 'partitions=4')).not.toBe(name());
    expect(name('--set', 'gateway.replicas=4')).toBe(name());
  });

  it('/nats goes to nats-server where the values say so, which the policies allow', () => {
    const manifests = rendered(
      ...['ingress.enabled=true', 'ingress.host=a.example', 'ingress.nats.direct=true'].flatMap((one) => [
        '--set',
        one,
      ]),
    );
    const ingress = manifests.find((each) => nameOf(each) === 'Ingress/pizzapi-nats');
    expect(JSON.stringify(at(ingress, 'spec.rules'))).toContain('"pizzapi-nats"');
    expect(manifests.map(nameOf)).toContain('Service/pizzapi-nats');
  });

  it('an issuer of OpenID Connect is reached by the gateways alone, with a secret that they mount', () => {
    const issuer = ['oidc.issuer=https://id.example', 'oidc.clientId=pizzapi', 'oidc.existingSecret=pizzapi-oidc'];
    const settings = [...issuer, 'networkPolicy.signIn.ports={8443}'];
    const manifests = rendered(...settings.flatMap((one) => ['--set', one]));
    expect(settingsOf(manifests, 'gateway').get('PIZZAPI_OIDC_CLIENT_SECRET')).toEqual({
      kind: 'secret',
      key: 'client-secret',
    });
    const reaching = manifests.filter((each) => each.kind === 'NetworkPolicy' && JSON.stringify(each).includes('8443'));
    expect(reaching.map(nameOf)).toEqual(['NetworkPolicy/pizzapi-gateway']);
    expect(() => helmTemplate('--set', 'oidc.issuer=https://id.example')).toThrow(/clientId/);
  });

  it('gateways trust the authorities of a ConfigMap, and take a proxy on their way to the issuer', () => {
    const settings = ['oidc.issuer=https://id.example', 'oidc.clientId=pizzapi', 'oidc.caConfigMap=authorities'];
    const proxy = 'gateway.env.HTTPS_PROXY=http://proxy.example:3128';
    const manifests = rendered(...[...settings, proxy].flatMap((one) => ['--set', one]));
    const { spec, containers } = podTemplateOf(manifests, 'gateway');
    expect(settingsOf(manifests, 'gateway').get('HTTPS_PROXY')).toEqual({
      kind: 'text',
      text: 'http://proxy.example:3128',
    });
    const file = settingsOf(manifests, 'gateway').get('PIZZAPI_CA');
    expect(file).toEqual({ kind: 'text', text: '/run/authorities/ca.crt' });
    const mount = { name: 'authorities', mountPath: '/run/authorities', readOnly: true };
    expect(listAt(containers[0], 'volumeMounts')).toContainEqual(mount);
    expect(listAt(spec, 'volumes')).toContainEqual({
      name: 'authorities',
      configMap: { name: 'authorities', items: [{ key: 'ca.crt', path: 'ca.crt' }] },
    });
  });

  it('a backup goes to a claim that is there already, is compared where the values say so, and restores with its settings', () => {
    const given = ['backup.enabled=true', 'backup.existingClaim=elsewhere', 'backup.verify=true', 'partitions=4'];
    const manifests = rendered(...given.flatMap((one) => ['--set', one]));
    expect(manifests.filter(({ kind }) => kind === 'PersistentVolumeClaim')).toEqual([]);
    const { spec, containers } = podTemplateOf(manifests, 'backup');
    expect(containers).toMatchObject([{ args: ['backup', '/backup/pizzapi', '--verify'] }]);
    expect(JSON.stringify(spec)).toContain('{"claimName":"elsewhere"}');
    const { PIZZAPI_PROVISION_OWNER: _, ...provision } = Object.fromEntries(settingsOf(manifests, 'provision'));
    expect(Object.fromEntries(settingsOf(manifests, 'backup'))).toEqual(provision);
    expect(() => helmTemplate('--set', 'backup.schedule=soon')).toThrow(/schedule/);
  });

  it('the alerts and the dashboards of the repository are rendered as they are, and only where the values say so', () => {
    const enabled = ['metrics.prometheusRule.enabled=true', 'metrics.dashboards.enabled=true'];
    const manifests = rendered(...enabled.flatMap((one) => ['--set', one]));
    const folder = join(deployFolder(), 'helm/pizzapi/monitoring');
    const rule = manifests.find(({ kind }) => kind === 'PrometheusRule');
    expect(at(rule, 'spec')).toEqual(parse(readFileSync(join(folder, 'alerts.yaml'), 'utf8')));
    const dashboards = manifests.find((each) => nameOf(each) === 'ConfigMap/pizzapi-dashboards');
    expect(at(dashboards, 'metadata.labels')).toMatchObject({ grafana_dashboard: '1' });
    expect(at(dashboards, 'data')).toEqual(Object.fromEntries(kept(join(folder, 'dashboards'))));
    expect(rendered().filter(({ kind }) => kind === 'PrometheusRule')).toEqual([]);
    expect(rendered().map(nameOf)).not.toContain('ConfigMap/pizzapi-dashboards');
  });

  it('spans go from gateways and hosts to the collector, which the policies allow', () => {
    const settings = ['tracing.endpoint=http://collector.monitoring:4318', 'runner.enabled=true'];
    const manifests = rendered(...settings.flatMap((one) => ['--set', one]));
    const senders = ['authenticator', 'gateway', 'projector', 'runner'].filter((component) =>
      settingsOf(manifests, component).has('OTEL_EXPORTER_OTLP_ENDPOINT'),
    );
    expect(senders).toEqual(['gateway', 'runner']);
    const allowed = manifests.filter((each) => each.kind === 'NetworkPolicy' && JSON.stringify(each).includes('4318'));
    expect(allowed.map(nameOf).sort()).toEqual(['NetworkPolicy/pizzapi-gateway', 'NetworkPolicy/pizzapi-runner']);
  });

  it('a PodMonitor reads every port for metrics', () => {
    const manifests = rendered('--set', 'metrics.podMonitor.enabled=true');
    const monitor = manifests.find(({ kind }) => kind === 'PodMonitor');
    expect(listAt(monitor, 'spec.podMetricsEndpoints').map((endpoint) => at(endpoint, 'port'))).toEqual([
      'health',
      'metrics',
    ]);
  });
});
