import { expect, it } from 'vitest';
import { nameOf, podTemplatesOf, readRendering, type Manifest, type PodTemplate } from './manifests.js';
import { allowedConnections, selects, type PolicyConnection, type Endpoint } from './testing/networkPolicies.js';
import { labelsAt, listAt, textAt, at } from './values.js';

const namespaceOf = (name: string) => ({ 'kubernetes.io/metadata.name': name });
/** Everything else that could connect or be connected to. */
const OTHERS: Endpoint[] = [
  { name: 'ingress-controller', labels: {}, namespace: namespaceOf('ingress-nginx') },
  { name: 'prometheus', labels: {}, namespace: namespaceOf('monitoring') },
  { name: 'dns', labels: { 'k8s-app': 'kube-dns' }, namespace: namespaceOf('kube-system') },
  { name: 'api-server', labels: { component: 'kube-apiserver' }, namespace: namespaceOf('kube-system') },
  { name: 'neighbour', labels: { 'app.kubernetes.io/name': 'other' } },
  { name: 'other-namespace', labels: { 'app.kubernetes.io/name': 'pizzapi' }, namespace: namespaceOf('default') },
  { name: 'internet', address: '198.51.100.7' },
  { name: 'private-network', address: '10.20.30.40' },
  { name: 'cloud-metadata', address: '169.254.169.254' },
];
/** What the code does beside what its variables say. */
const PURPOSES: PolicyConnection[] = [
  // Push services and webhooks; a gateway sends the test of a person's notifications.
  { from: 'projector', to: 'internet', port: 443 },
  { from: 'gateway', to: 'internet', port: 443 },
  // Models, packages and repositories, for agents.
  ...[22, 80, 443].map((port) => ({ from: 'runner', to: 'internet', port })),
  { from: 'ingress-controller', to: 'gateway', port: 7492 },
];

const components = [...readRendering('runner'), ...readRendering('backup')];
const everything = {
  base: [...readRendering('base'), ...components],
  production: [...readRendering('production'), ...components],
};

/** The connections that processes make: to the addresses in their variables, for their names, and by Prometheus. */
function neededConnections(manifests: readonly Manifest[]): PolicyConnection[] {
  const pods = podTemplatesOf(manifests);
  return [
    ...PURPOSES,
    ...pods.flatMap(({ component }) => [
      { from: component, to: 'dns', port: 53 },
      { from: component, to: 'dns', port: 53, protocol: 'UDP' as const },
    ]),
    ...pods.flatMap(({ component, containers }) => {
      const addresses = containers
        .flatMap((container) => listAt(container, 'env'))
        .filter((variable) => textAt(variable, 'name') !== 'PIZZAPI_PUBLIC_URL')
        .flatMap((variable) => addressesIn(textAt(variable, 'value') ?? ''));
      return addresses.map((address) => ({ from: component, ...reached(manifests, pods, address) }));
    }),
    ...pods.flatMap(({ component, containers }) =>
      containers
        .flatMap((container) => listAt(container, 'ports'))
        .filter((port) => ['health', 'metrics'].includes(textAt(port, 'name') ?? ''))
        .map((port) => ({ from: 'prometheus', to: component, port: Number(at(port, 'containerPort')) })),
    ),
  ];
}

/** Returns hosts and ports of the addresses in a variable. */
function addressesIn(text: string): { host: string; port: number }[] {
  return [...text.matchAll(/\b[a-z-]+:\/\/(?:[^@,/]*@)?([\w.-]+):(\d+)/g)].map(([, host = '', port]) => ({
    host,
    port: Number(port),
  }));
}

/** Follows the name of a Service to its pods, and its port to theirs. */
function reached(
  manifests: readonly Manifest[],
  pods: readonly PodTemplate[],
  { host, port }: { host: string; port: number },
): { to: string; port: number } {
  const service = manifests.find((each) => nameOf(each) === `Service/${host}`);
  const pod = pods.find((each) => service !== undefined && selectsPod(service, each));
  const target = listAt(service, 'spec.ports').find((each) => at(each, 'port') === port);
  const ports = pod?.containers.flatMap((container) => listAt(container, 'ports')) ?? [];
  const found = ports.find((each) => textAt(each, 'name') === textAt(target, 'targetPort'));
  return { to: pod?.component ?? host, port: Number(at(found, 'containerPort')) };
}

/** Each pod of a StatefulSet has its own name as a label too. */
function selectsPod(service: Manifest, { labels, owner }: PodTemplate): boolean {
  return Object.entries(labelsAt(service, 'spec.selector')).every(([key, value]) =>
    key === 'statefulset.kubernetes.io/pod-name'
      ? new RegExp(`^${textAt(owner, 'metadata.name')}-\\d+$`).test(value)
      : labels[key] === value,
  );
}

const asLines = (connections: readonly PolicyConnection[]) =>
  [
    ...new Set(connections.map(({ from, to, port, protocol = 'TCP' }) => `${from} -> ${to} ${port}/${protocol}`)),
  ].sort();

it.each(Object.entries(everything))(
  '%s allows every connection that the processes make, and no other one',
  (_name, manifests) => {
    const pods = podTemplatesOf(manifests);
    const endpoints = [...pods.map(({ component, labels }) => ({ name: component, labels })), ...OTHERS];
    const listened = pods.flatMap(({ containers }) =>
      containers.flatMap((container) => listAt(container, 'ports').map((port) => Number(at(port, 'containerPort')))),
    );
    const ports = [...new Set([...listened, 22, 53, 80, 443, 6443, 8443])];
    const own = new Set(pods.map(({ component }) => component));
    const allowed = allowedConnections(manifests, endpoints, ports).filter(
      ({ from, to }) => own.has(from) || own.has(to),
    );
    expect(asLines(allowed)).toEqual(asLines(neededConnections(manifests)));
  },
);

it('without the policies every connection is allowed', () => {
  const endpoints = [
    { name: 'a', labels: { app: 'a' } },
    { name: 'b', labels: { app: 'b' } },
  ];
  expect(asLines(allowedConnections([], endpoints, [80])).filter((line) => line.endsWith('TCP'))).toEqual([
    ...['a -> a 80/TCP', 'a -> b 80/TCP', 'b -> a 80/TCP', 'b -> b 80/TCP'],
  ]);
  expect(selects({ podSelector: {} }, 'podSelector', { app: 'a' })).toBe(true);
});
