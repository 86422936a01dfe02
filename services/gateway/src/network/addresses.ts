import { BlockList } from 'node:net';
import type { NetworkInterfaceInfo } from 'node:os';
import type { ReachableAddress } from '@pizzapi/protocol';

/** An address of this machine at which other devices reach it. */
export interface LanAddress {
  address: string;
  kind: Exclude<ReachableAddress['kind'], 'public'>;
}

type Interfaces = Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>;

/** Networks inside of this machine: of containers and virtual machines. No phone is in one of them. */
const INSIDE = /^(docker|br-|veth|virbr|vmnet|vboxnet|cni|flannel|podman|lxc|lxd)/i;

const networks = (...subnets: readonly (readonly [string, number])[]): BlockList => {
  const list = new BlockList();
  for (const [address, bits] of subnets) list.addSubnet(address, bits, 'ipv4');
  return list;
};
const PRIVATE = networks(['10.0.0.0', 8], ['172.16.0.0', 12], ['192.168.0.0', 16]);
/** Tailscale gives each device an address of this range. */
const TAILSCALE = networks(['100.64.0.0', 10]);

/**
 * The addresses of this machine in private networks, and in a tailnet. An address that the whole internet can reach is
 * never one of them: the page needs https there.
 */
export function findLanAddresses(interfaces: Interfaces): LanAddress[] {
  const found = Object.entries(interfaces).flatMap(([name, infos = []]) =>
    infos.flatMap(({ address, family, internal }): LanAddress[] => {
      if (internal || family !== 'IPv4' || INSIDE.test(name)) return [];
      if (PRIVATE.check(address)) return [{ address, kind: 'lan' }];
      return TAILSCALE.check(address) ? [{ address, kind: 'vpn' }] : [];
    }),
  );
  // The local network first: a phone is in it without further software.
  return found.sort((a, b) => Number(a.kind === 'vpn') - Number(b.kind === 'vpn'));
}

/** The addresses that a person has named, instead of those that are found. */
export const namedAddresses = (addresses: readonly string[]): LanAddress[] =>
  addresses.map((address) => ({ address, kind: TAILSCALE.check(address) ? 'vpn' : 'lan' }));
