import type { NetworkInterfaceInfo } from 'node:os';
import { expect, it } from 'vitest';
import { findLanAddresses } from './addresses.js';

const at = (address: string, more: Partial<NetworkInterfaceInfo> = {}): NetworkInterfaceInfo =>
  ({
    ...{ address, netmask: '', mac: '', internal: false, cidr: null, family: address.includes(':') ? 'IPv6' : 'IPv4' },
    ...more,
  }) as NetworkInterfaceInfo;

it('the addresses for other devices are those of private networks, then those of a tailnet', () => {
  const found = findLanAddresses({
    lo: [at('127.0.0.1', { internal: true })],
    tailscale0: [at('100.101.102.103'), at('fd7a:115c:a1e0::1')],
    wlan0: [at('192.168.1.5'), at('fe80::1')],
    eth0: [at('10.1.2.3'), at('172.31.0.9')],
  });
  expect(found).toEqual([
    { address: '192.168.1.5', kind: 'lan' },
    { address: '10.1.2.3', kind: 'lan' },
    { address: '172.31.0.9', kind: 'lan' },
    { address: '100.101.102.103', kind: 'vpn' },
  ]);
});

it('addresses of the internet, of containers and without a router are never opened', () => {
  expect(
    findLanAddresses({
      eth0: [at('203.0.113.7'), at('169.254.3.4'), at('172.32.0.1'), at('100.128.0.1')],
      docker0: [at('172.17.0.1')],
      'br-1234': [at('172.18.0.1')],
      virbr0: [at('192.168.122.1')],
    }),
  ).toEqual([]);
});
