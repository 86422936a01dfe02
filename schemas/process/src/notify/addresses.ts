import { lookup as resolve, type LookupAddress } from 'node:dns';
import { lookup } from 'node:dns/promises';
import { BlockList, isIP, type LookupFunction } from 'node:net';

/** Everything that is not the public network (IANA's special-purpose registries). Of IPv6 only 2000::/3 is public. */
const PRIVATE_IPV4 = [
  ...['0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12', '192.0.0.0/24'],
  ...['192.0.2.0/24', '192.88.99.0/24', '192.168.0.0/16', '198.18.0.0/15', '198.51.100.0/24', '203.0.113.0/24'],
  ...['224.0.0.0/4', '240.0.0.0/4'],
];
/** Within 2000::/3: protocol assignments with Teredo, documentation, 6to4. */
const PRIVATE_IPV6 = ['2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20'];

const networks = (list: readonly string[], family: 'ipv4' | 'ipv6'): BlockList => {
  const found = new BlockList();
  for (const [network, bits] of list.map((one) => one.split('/') as [string, string]))
    found.addSubnet(network, Number(bits), family);
  return found;
};
const closedV4 = networks(PRIVATE_IPV4, 'ipv4');
const closedV6 = networks(PRIVATE_IPV6, 'ipv6');
const openV6 = networks(['2000::/3'], 'ipv6');
/** IPv4 addresses as an IPv6 host writes them: mapped, and through NAT64. */
const mappedV6 = networks(['::ffff:0:0/96', '64:ff9b::/96'], 'ipv6');

/** Whether an address is one of the public network, which is nobody's own. False for what is no address. */
export function isPublicAddress(address: string): boolean {
  const family = isIP(address);
  if (family === 4) return !closedV4.check(address, 'ipv4');
  if (family !== 6) return false;
  // Node takes ::ffff:a.b.c.d for the IPv4 address, in lists of IPv6 networks too.
  const inner = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1] ?? embeddedV4(address);
  if (inner !== undefined) return isPublicAddress(inner);
  return openV6.check(address, 'ipv6') && !closedV6.check(address, 'ipv6');
}

function embeddedV4(address: string): string | undefined {
  if (!mappedV6.check(address, 'ipv6')) return undefined;
  // As URL writes it: without dots, the last two groups in hex.
  const groups = new URL(`http://[${address}]`).hostname.slice(1, -1).split(':').slice(-2);
  const [high = 0, low = 0] = groups.map((group) => Number.parseInt(group || '0', 16));
  return [high >> 8, high & 255, low >> 8, low & 255].join('.');
}

/** The address that a URL names literally, without the brackets of IPv6; undefined for a name. */
export function literalAddress({ hostname }: URL): string | undefined {
  const bare = hostname.replace(/^\[(.*)\]$/, '$1');
  return isIP(bare) === 0 ? undefined : bare;
}

/** The name leads to an address that is not public. */
export class AddressRefused extends Error {}

/** Resolves a name for a connection, and fails with `AddressRefused` when any of its addresses is not public. */
export const publicLookup: LookupFunction = (hostname, options, callback) => {
  resolve(hostname, { ...options, all: true }, (error, addresses: LookupAddress[]) => {
    const first = addresses?.[0];
    if (error !== null || first === undefined) return callback(error ?? new Error('No address'), '', 0);
    if (!addresses.every(({ address }) => isPublicAddress(address)))
      return callback(new AddressRefused(`${hostname} is a private address`), '', 0);
    if (options.all === true) callback(null, addresses);
    else callback(null, first.address, first.family);
  });
};

/** Whether a URL leads, as far as is known now, to an address that is not public. Sending looks again. */
export async function leadsToPrivate(url: URL): Promise<boolean> {
  const literal = literalAddress(url);
  if (literal !== undefined) return !isPublicAddress(literal);
  try {
    const addresses = await lookup(url.hostname, { all: true });
    return !addresses.every(({ address }) => isPublicAddress(address));
  } catch {
    // A name that nobody knows now leads nowhere.
    return false;
  }
}
