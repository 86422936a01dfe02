import { isMap } from '@pizzapi/protocol';
import { BlockList, isIPv4 } from 'node:net';
import type { Manifest } from '../manifests.js';
import { labelsAt, listAt, textAt } from '../values.js';

/** Something that connects or is connected to: a pod with its labels, or an address outside of the cluster. */
export interface Endpoint {
  name: string;
  labels?: Record<string, string>;
  /** The labels of the namespace of the pod; without them it is in the namespace of the policies. */
  namespace?: Record<string, string>;
  address?: string;
}

/** A new connection over TCP, or UDP where it says so. */
export interface PolicyConnection {
  from: string;
  to: string;
  port: number;
  protocol?: 'UDP';
}

const DIRECTIONS = { ingress: { type: 'Ingress', peers: 'from' }, egress: { type: 'Egress', peers: 'to' } } as const;
type Direction = keyof typeof DIRECTIONS;

/**
 * Returns each connection between two of these endpoints, at one of these ports, that the NetworkPolicies let through. A pod that
 * no policy selects may do everything, as Kubernetes has it.
 */
export function allowedConnections(
  manifests: readonly Manifest[],
  endpoints: readonly Endpoint[],
  ports: readonly number[],
): PolicyConnection[] {
  const policies = manifests.filter(({ kind }) => kind === 'NetworkPolicy');
  const isAllowed = (direction: Direction, self: Endpoint, peer: Endpoint, port: number, protocol: string): boolean => {
    if (self.labels === undefined || self.namespace !== undefined) return true;
    const { type, peers } = DIRECTIONS[direction];
    const mine = policies.filter(
      (policy) =>
        selects(policy['spec'], 'podSelector', self.labels) && listAt(policy, 'spec.policyTypes').includes(type),
    );
    if (mine.length === 0) return true;
    return mine
      .flatMap((policy) => listAt(policy, `spec.${direction}`))
      .some((rule) => isPeer(listAt(rule, peers), peer) && isPort(listAt(rule, 'ports'), port, protocol));
  };
  return endpoints.flatMap((from) =>
    endpoints.flatMap((to) =>
      ports.flatMap((port) =>
        (['TCP', 'UDP'] as const)
          .filter((protocol) => isAllowed('egress', from, to, port, protocol))
          .filter((protocol) => isAllowed('ingress', to, from, port, protocol))
          .map((protocol) => ({
            from: from.name,
            to: to.name,
            port,
            ...(protocol === 'UDP' ? { protocol } : {}),
          })),
      ),
    ),
  );
}

/** A rule without peers is for all peers. */
function isPeer(peers: readonly unknown[], endpoint: Endpoint): boolean {
  return peers.length === 0 || peers.some((peer) => matches(peer, endpoint));
}

function matches(peer: unknown, { labels, namespace, address }: Endpoint): boolean {
  if (!isMap(peer)) return false;
  if (isMap(peer['ipBlock'])) return address !== undefined && isInside(peer['ipBlock'], address);
  if (labels === undefined) return false;
  // Without a selector of namespaces a peer is in the namespace of the policy.
  const isThere = isMap(peer['namespaceSelector'])
    ? selects(peer, 'namespaceSelector', namespace ?? {})
    : namespace === undefined;
  return isThere && selects(peer, 'podSelector', labels);
}

/** A rule without ports is for all ports. */
function isPort(ports: readonly unknown[], port: number, protocol: string): boolean {
  if (ports.length === 0) return true;
  return ports.some((each) => isMap(each) && each['port'] === port && (textAt(each, 'protocol') ?? 'TCP') === protocol);
}

/** Reports whether a selector has these labels. An empty one has all. The chart uses no expressions. */
export function selects(of: unknown, selector: string, labels: Record<string, string> = {}): boolean {
  if (listAt(of, `${selector}.matchExpressions`).length > 0) throw new TypeError('Expressions are not supported');
  return Object.entries(labelsAt(of, `${selector}.matchLabels`)).every(([key, value]) => labels[key] === value);
}

function isInside(block: unknown, address: string): boolean {
  const list = (cidrs: readonly unknown[]): BlockList => {
    const blocks = new BlockList();
    for (const cidr of cidrs) {
      const [net = '', bits] = String(cidr).split('/');
      blocks.addSubnet(net, Number(bits), isIPv4(net) ? 'ipv4' : 'ipv6');
    }
    return blocks;
  };
  return list([textAt(block, 'cidr')]).check(address) && !list(listAt(block, 'except')).check(address);
}
