import { expect, it } from 'vitest';
import { readNetworkOptions, type GivenNetworkOptions } from './networkOptions.js';

const read = (given: Partial<GivenNetworkOptions>) =>
  readNetworkOptions({
    ...{ host: '127.0.0.1', publicUrl: undefined, lan: true, lanAddresses: undefined },
    ...{ tlsCert: undefined, tlsKey: undefined },
    ...given,
  });

it('the options of the local network are read together', () => {
  expect(read({ lanAddresses: ' 192.168.1.5, 10.0.0.2 ', tlsCert: '/c', tlsKey: '/k' })).toEqual({
    lan: true,
    lanAddresses: ['192.168.1.5', '10.0.0.2'],
    tls: { cert: '/c', key: '/k' },
  });
});

it.each<[string, Partial<GivenNetworkOptions>]>([
  ['a certificate without its key', { tlsCert: '/c' }],
  ['a certificate without the local network', { tlsCert: '/c', tlsKey: '/k', lan: false }],
  ['a public address beside the local network', { publicUrl: 'https://pizza.example' }],
  ['an address to listen on beside the local network', { host: '0.0.0.0' }],
  ['a host name as an address of the local network', { lanAddresses: 'box.local' }],
])('%s is refused with bad_option', (_what, given) => {
  expect(() => read(given)).toThrow(expect.objectContaining({ code: 'bad_option' }));
});
