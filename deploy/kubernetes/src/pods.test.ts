import { isMap } from '@pizzapi/protocol';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { deployFolder, nameOf, podTemplatesOf, readRendering, type Manifest } from './manifests.js';
import { at, labelsAt, listAt, mapAt, textAt } from './values.js';

const RESTRICTED = {
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  capabilities: { drop: ['ALL'] },
};
const components = [...readRendering('runner'), ...readRendering('backup')];
const everything = {
  base: [...readRendering('base'), ...components],
  production: [...readRendering('production'), ...components],
};
/** Pods that run to their end. */
const JOBS = ['provision', 'backup'];
const named = (manifests: readonly Manifest[], name: string) => manifests.find((each) => nameOf(each) === name);
/** Bytes of a quantity of memory, or thousandths of a CPU. */
const units: Record<string, number> = {
  m: 1,
  '': 1_000,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
};
const amount = (quantity: unknown): number => {
  const [, digits = '', unit = ''] = /^([\d.]+)(\D*)$/.exec(String(quantity)) ?? [];
  return Number(digits) * (units[unit] ?? NaN);
};

describe.each(Object.entries(everything))('%s', (_name, manifests) => {
  const pods = podTemplatesOf(manifests);
  const containers = pods.flatMap(({ component, containers }) =>
    containers.map((container) => ({ component, container, name: `${component}/${textAt(container, 'name')}` })),
  );

  it('has the pods of every process', () => {
    expect(pods.map(({ component }) => component).sort()).toEqual([
      ...['authenticator', 'backup', 'gateway', 'nats', 'projector', 'provision', 'runner'],
    ]);
  });

  it('every pod is restricted: no root, no way to more rights, a read-only root, the default profile of system calls', () => {
    for (const { spec } of pods) {
      expect(mapAt(spec, 'securityContext')).toMatchObject({
        runAsNonRoot: true,
        runAsUser: 10_001,
        seccompProfile: { type: 'RuntimeDefault' },
      });
      for (const key of ['hostNetwork', 'hostPID', 'hostIPC', 'shareProcessNamespace'])
        expect(spec).not.toHaveProperty(key);
    }
    for (const { container } of containers) expect(container['securityContext']).toEqual(RESTRICTED);
  });

  it('no pod has a token for the API server or an account with rights', () => {
    for (const { spec } of pods)
      expect(spec).toMatchObject({ serviceAccountName: 'pizzapi', automountServiceAccountToken: false });
    expect(named(manifests, 'ServiceAccount/pizzapi')).toMatchObject({ automountServiceAccountToken: false });
    expect(manifests.filter(({ kind }) => /Role|Binding/.test(kind))).toEqual([]);
  });

  it('pods mount only empty folders, their configuration and their own volumes', () => {
    const kinds = pods.flatMap(({ spec }) =>
      listAt(spec, 'volumes').flatMap((volume) => (isMap(volume) ? Object.keys(volume) : [])),
    );
    expect([...new Set(kinds)].sort()).toEqual(['emptyDir', 'name', 'persistentVolumeClaim', 'projected', 'secret']);
  });

  it('every container requests CPU and memory, and has a limit of memory', () => {
    for (const { name, container } of containers) {
      expect([name, amount(at(container, 'resources.requests.cpu')) > 0]).toEqual([name, true]);
      const [wanted, most] = ['requests', 'limits'].map((part) => amount(at(container, `resources.${part}.memory`)));
      expect([name, wanted! > 0 && most! >= wanted!]).toEqual([name, true]);
    }
  });

  it('every image has a version', () => {
    for (const { container } of containers) expect(textAt(container, 'image')).toMatch(/:\d+\.\d+\.\d+(-\w+)?$/);
  });

  it('every container that serves has probes at a port that it names', () => {
    for (const { name, container, component } of containers.filter(({ component }) => !JOBS.includes(component))) {
      const ports = listAt(container, 'ports').map((port) => textAt(port, 'name'));
      const probes = ['startupProbe', 'livenessProbe', ...(name === 'nats/exporter' ? [] : ['readinessProbe'])];
      for (const probe of probes) {
        const port = textAt(container, `${probe}.httpGet.port`) ?? textAt(container, `${probe}.tcpSocket.port`);
        expect([component, probe, ports]).toEqual([component, probe, expect.arrayContaining([port])]);
      }
    }
  });

  it('the services run twice at least, over zones, and none stops before another is ready', () => {
    for (const component of ['gateway', 'projector', 'authenticator']) {
      const deployment = named(manifests, `Deployment/pizzapi-${component}`);
      const scaler = named(manifests, `HorizontalPodAutoscaler/pizzapi-${component}`);
      expect(at(deployment, 'spec.replicas') ?? at(scaler, 'spec.minReplicas')).toBeGreaterThanOrEqual(2);
      expect(mapAt(deployment, 'spec.strategy.rollingUpdate')).toEqual({ maxUnavailable: 0, maxSurge: 1 });
    }
    for (const { component, labels, spec } of pods.filter((pod) => !JOBS.includes(pod.component))) {
      const [zone] = listAt(spec, 'topologySpreadConstraints');
      expect([component, textAt(zone, 'topologyKey')]).toEqual([component, 'topology.kubernetes.io/zone']);
      expect(labels).toMatchObject(labelsAt(zone, 'labelSelector.matchLabels'));
      expect(spec).not.toHaveProperty('affinity');
    }
  });

  it('a drained node stops one pod of each kind at a time', () => {
    for (const component of ['gateway', 'projector', 'authenticator', 'nats']) {
      const budget = named(manifests, `PodDisruptionBudget/pizzapi-${component}`);
      const pod = pods.find((each) => each.component === component);
      expect(at(budget, 'spec.maxUnavailable')).toBe(1);
      expect(pod?.labels).toMatchObject(labelsAt(budget, 'spec.selector.matchLabels'));
    }
  });

  it('a gateway has time to hand its viewers over, and no viewer belongs to one gateway', () => {
    const gateway = pods.find(({ component }) => component === 'gateway');
    expect(at(gateway?.spec, 'terminationGracePeriodSeconds')).toBe(60);
    expect(at(gateway?.containers[0], 'lifecycle.preStop.sleep.seconds')).toBeGreaterThan(0);
    expect(at(named(manifests, 'Service/pizzapi-gateway'), 'spec.sessionAffinity')).toBeUndefined();
  });

  it('no Service and no Ingress has a port for metrics or for the monitoring of nats-server', () => {
    const ports = manifests.filter(({ kind }) => kind === 'Service').flatMap((each) => listAt(each, 'spec.ports'));
    expect([...new Set(ports.map((port) => textAt(port, 'targetPort')))].sort()).toEqual([
      ...['cluster', 'http', 'nats', 'websocket'],
    ]);
  });

  it('nats-server gets the memory and CPU that it requests, and limits its own memory below that', () => {
    const nats = pods.find(({ component }) => component === 'nats');
    for (const container of nats?.containers ?? [])
      expect(at(container, 'resources.requests')).toEqual(at(container, 'resources.limits'));
    const variables = listAt(nats?.containers[0], 'env');
    const limit = variables.find((variable) => textAt(variable, 'name') === 'GOMEMLIMIT');
    const part = amount(textAt(limit, 'value')) / amount(at(nats?.containers[0], 'resources.limits.memory'));
    expect(part).toBeGreaterThan(0.8);
    expect(part).toBeLessThan(0.95);
  });

  it('no secret is in a manifest: objects name the keys of a Secret, and none is a Secret', () => {
    expect(manifests.filter(({ kind }) => kind === 'Secret')).toEqual([]);
    const text = JSON.stringify(manifests);
    // Seeds of nkeys, tokens, keys in PEM.
    expect(text).not.toMatch(/S[UAOCNX][A-Z2-7]{56}|pz[rk]_[\w-]{8}|PRIVATE KEY/);
    const literal = containers
      .flatMap(({ container }) => listAt(container, 'env'))
      .filter((each) => textAt(each, 'value'));
    const named = literal.filter((each) =>
      /(_API_KEY|_TOKEN|_SECRET|_PASSWORD|_NKEY|_SEED|_ISSUER)$/.test(textAt(each, 'name')!),
    );
    expect(named).toEqual([]);
  });

  it('each pod mounts only the credentials of its own process', () => {
    const keys = pods.map(({ component, spec }): [string, unknown[]] => [
      component,
      listAt(spec, 'volumes')
        .flatMap((volume) => [
          ...listAt(volume, 'secret.items'),
          ...listAt(volume, 'projected.sources').flatMap((source) => listAt(source, 'secret.items')),
        ])
        .map((item) => at(item, 'key')),
    ]);
    expect(Object.fromEntries(keys)).toEqual({
      authenticator: ['authenticator-nkey', 'admin-nkey', 'auth-issuer'],
      backup: ['admin-nkey'],
      gateway: ['gateway-nkey', 'gateway-secret'],
      nats: ['accounts.conf'],
      projector: ['projector-nkey'],
      provision: ['admin-nkey'],
      runner: ['token'],
    });
  });
});

it('production has three nats-servers in three zones, three copies, and gateways that follow the load', () => {
  const nats = named(everything.production, 'StatefulSet/pizzapi-nats');
  expect(at(nats, 'spec.replicas')).toBe(3);
  const [zone] = listAt(nats, 'spec.template.spec.topologySpreadConstraints');
  expect(textAt(zone, 'whenUnsatisfiable')).toBe('DoNotSchedule');
  const scaler = named(everything.production, 'HorizontalPodAutoscaler/pizzapi-gateway');
  expect(listAt(scaler, 'spec.metrics').map((metric) => textAt(metric, 'type'))).toEqual(['Resource', 'Pods']);
  // The metric is one that gateways expose.
  const metrics = readFileSync(join(deployFolder(), '../docs/reference/metrics.md'), 'utf8');
  expect(metrics).toContain(`| \`${textAt(listAt(scaler, 'spec.metrics')[1], 'pods.metric.name')}\``);
  expect(at(scaler, 'spec.behavior.scaleDown.stabilizationWindowSeconds')).toBeGreaterThanOrEqual(600);
  // With a number of its own the Deployment would undo what the scaler does.
  expect(at(named(everything.production, 'Deployment/pizzapi-gateway'), 'spec')).not.toHaveProperty('replicas');
  const [rule] = listAt(named(everything.production, 'Ingress/pizzapi-gateway'), 'spec.rules');
  expect(listAt(rule, 'http.paths').map((path) => at(path, 'path'))).toEqual(['/', '/nats']);
});

it('one backup runs at a time, to a volume that stays when the installation is removed', () => {
  const job = named(components, 'CronJob/pizzapi-backup');
  expect(job).toMatchObject({ spec: { concurrencyPolicy: 'Forbid', schedule: '17 * * * *' } });
  const backup = podTemplatesOf(components).find(({ component }) => component === 'backup');
  expect(backup?.containers).toMatchObject([{ args: ['backup', '/backup/pizzapi'] }]);
  expect(listAt(backup?.spec, 'volumes')).toContainEqual({
    name: 'backup',
    persistentVolumeClaim: { claimName: 'pizzapi-backup' },
  });
  const claim = named(components, 'PersistentVolumeClaim/pizzapi-backup');
  expect(at(claim, ['metadata', 'annotations', 'helm.sh/resource-policy'])).toBe('keep');
});
