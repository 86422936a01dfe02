import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { nameOf, renderingFolder, RENDERINGS, type Rendering } from './manifests.js';
import { settingsOf } from './settings.js';
import { HELM, helmTemplate, render, rendered } from './testing/helm.js';
import { at, listAt } from './values.js';

const NAMES = Object.keys(RENDERINGS) as Rendering[];
if (HELM === undefined) console.warn('SKIPPED: the chart is not rendered, because no helm is on the PATH.');

/** What a folder holds: the text of each file. */
const kept = (folder: string) =>
  new Map(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), 'utf8')]));

/** `UPDATE_MANIFESTS=1` writes the manifests again. */
function update(folder: string, files: ReadonlyMap<string, string>): void {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const [name, text] of files) writeFileSync(join(folder, name), text);
}

it.each(NAMES)('the kustomization of %s lists every manifest beside it', (name) => {
  const folder = renderingFolder(name);
  const kustomization: unknown = parse(readFileSync(join(folder, '../kustomization.yaml'), 'utf8'));
  const listed = listAt(kustomization, 'resources').filter((file) => String(file).startsWith('manifests/'));
  expect(listed).toEqual(readdirSync(folder).map((file) => `manifests/${file}`));
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
    const manifests = rendered(
      ...values.flatMap((file) => ['--values', join(renderingFolder('base'), '../../..', file)]),
    );
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
    const settings = ['oidc.issuer=https://id.example', 'oidc.clientId=pizzapi', 'oidc.existingSecret=pizzapi-oidc'];
    const manifests = rendered(...settings.flatMap((one) => ['--set', one]));
    expect(settingsOf(manifests, 'gateway').get('PIZZAPI_OIDC_CLIENT_SECRET')).toEqual({
      kind: 'secret',
      key: 'client-secret',
    });
    const withInternet = manifests
      .filter((each) => each.kind === 'NetworkPolicy' && JSON.stringify(each).includes('0.0.0.0/0'))
      .map(nameOf);
    expect(withInternet.sort()).toEqual(['NetworkPolicy/pizzapi-gateway', 'NetworkPolicy/pizzapi-projector']);
    expect(() => helmTemplate('--set', 'oidc.issuer=https://id.example')).toThrow(/clientId/);
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
