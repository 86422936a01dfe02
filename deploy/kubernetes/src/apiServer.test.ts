import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { deployFolder, nameOf, parseManifests, podTemplatesOf, type Manifest } from './manifests.js';
import { HELM, rendered } from './testing/helm.js';
import { listAt, textAt } from './values.js';

/**
 * `npm run test:kubernetes` holds what the chart renders against a real API server: the one that KUBECONFIG names, and no other
 * one. Nothing is stored but a namespace, which the test deletes.
 */
const isWanted = process.env['PIZZAPI_TEST_KUBERNETES'] === '1';
const missing = !isWanted
  ? []
  : [
      ...((process.env['KUBECONFIG'] ?? '') === '' ? ['KUBECONFIG names no API server'] : []),
      ...(spawnSync('kubectl', ['version', '--client']).status === 0 ? [] : ['no kubectl is on the PATH']),
      ...(HELM === undefined ? ['no helm is on the PATH'] : []),
    ];
if (isWanted && missing.length > 0)
  console.warn(`SKIPPED: nothing is applied to an API server, because ${missing.join(', ')}.`);

const namespace = `pizzapi-test-${randomBytes(4).toString('hex')}`;
const RESTRICTED = ['enforce', 'warn', 'audit'].map((mode) => `pod-security.kubernetes.io/${mode}=restricted`);
const LIMIT_MS = 120_000;

/** Runs kubectl. Returns its exit code, and its errors and warnings. */
function kubectl(args: readonly string[], input?: string): { code: number | null; stderr: string; stdout: string } {
  const { status, stderr, stdout } = spawnSync('kubectl', args, { input, encoding: 'utf8' });
  return { code: status, stderr, stdout };
}

/** Applies objects in the namespace of the test, as a dry run at the server. */
function apply(manifests: readonly Manifest[]): { code: number | null; stderr: string; count: number } {
  const here = manifests.map((manifest) =>
    manifest.kind === 'Namespace' ? manifest : { ...manifest, metadata: { ...manifest.metadata, namespace } },
  );
  const text = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: here });
  const args = ['apply', '--dry-run=server', '--validate=strict', '--namespace', namespace, '--filename', '-'];
  const { code, stderr, stdout } = kubectl(args, text);
  return { code, stderr, count: stdout.trim().split('\n').length };
}

/** The pods themselves, because the namespace warns about workloads and refuses pods. */
const podsOf = (manifests: readonly Manifest[]): Manifest[] =>
  podTemplatesOf(manifests).map(({ component, labels, spec, owner }) => {
    const claims = listAt(owner, 'spec.volumeClaimTemplates').map((claim) => textAt(claim, 'metadata.name'));
    const volumes = [...listAt(spec, 'volumes'), ...claims.map((name) => ({ name, emptyDir: {} }))];
    return { apiVersion: 'v1', kind: 'Pod', metadata: { name: component, labels }, spec: { ...spec, volumes } };
  });

const kustomized = (folder: string): Manifest[] => {
  const { code, stderr, stdout } = kubectl(['kustomize', join(deployFolder(), 'kustomize', folder)]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return parseManifests(stdout);
};

const set = (...values: string[]): string[] => values.flatMap((value) => ['--set', value]);
const PRODUCTION = ['--values', join(deployFolder(), 'helm/pizzapi/values-production.yaml')];
const SOURCES: Readonly<Record<string, () => Manifest[]>> = {
  'the chart with its default values': () => rendered(),
  'the chart with the values of production, hosts, backups and dashboards': () =>
    rendered(...PRODUCTION, ...set('runner.enabled=true', 'backup.enabled=true', 'metrics.dashboards.enabled=true')),
  'the chart at an upgrade': () => rendered('--is-upgrade', ...PRODUCTION),
  'the chart with a NATS that is there already': () =>
    rendered(...PRODUCTION, '--values', join(deployFolder(), 'helm/pizzapi-with-nats-values.yaml')),
  'the base': () => kustomized('base'),
  'the overlay of production': () => kustomized('overlays/production'),
};

describe.runIf(isWanted && missing.length === 0)('a real API server', () => {
  beforeAll(() => {
    expect(kubectl(['create', 'namespace', namespace])).toMatchObject({ code: 0 });
    expect(kubectl(['label', 'namespace', namespace, ...RESTRICTED])).toMatchObject({ code: 0 });
  }, LIMIT_MS);
  afterAll(() => {
    kubectl(['delete', 'namespace', namespace, '--wait=false']);
  }, LIMIT_MS);

  it.each(Object.entries(SOURCES))(
    'accepts %s without an error and without a warning',
    (_name, source) => {
      const manifests = source();
      expect(apply(manifests)).toEqual({ code: 0, stderr: '', count: manifests.length });
      const pods = podsOf(manifests);
      expect(pods.length).toBeGreaterThanOrEqual(4);
      expect(apply(pods)).toEqual({ code: 0, stderr: '', count: pods.length });
    },
    LIMIT_MS,
  );

  it(
    'refuses an unknown field, and warns about a pod that is not restricted',
    () => {
      const [deployment] = rendered().filter((each) => nameOf(each) === 'Deployment/pizzapi-gateway');
      const changed = (from: string, to: string) => parseManifests(JSON.stringify(deployment).replace(from, to));
      expect(apply(changed('revisionHistoryLimit', 'revisionHistory'))).toMatchObject({ code: 1 });
      const unrestricted = changed('"runAsNonRoot":true', '"runAsNonRoot":false');
      expect(apply(unrestricted).stderr).toContain('would violate PodSecurity');
      expect(apply(podsOf(unrestricted))).toMatchObject({ code: 1 });
    },
    LIMIT_MS,
  );

  it('the namespace of the test is the only object that is stored', () => {
    const { stdout } = kubectl([
      'get',
      'pods,deployments,statefulsets,jobs',
      '--namespace',
      namespace,
      '--output',
      'name',
    ]);
    expect(stdout.trim()).toBe('');
  });
});
