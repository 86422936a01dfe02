import { expect, it } from 'vitest';
import { isWebSocketAddress, natsUrlOfGateway, splitAddresses } from './natsAddress.js';

it.each([
  ['https://relay.example', 'wss://relay.example/nats'],
  ['https://relay.example:8443/', 'wss://relay.example:8443/nats'],
  ['https://relay.example/pizza', 'wss://relay.example/pizza/nats'],
  ['http://127.0.0.1:7492', 'ws://127.0.0.1:7492/nats'],
  ['wss://[::1]:7492//', 'wss://[::1]:7492/nats'],
])('a runner of the gateway %s reaches nats-server at %s', (gateway, nats) =>
  expect(natsUrlOfGateway(gateway)).toBe(nats),
);

it('tells WebSockets from plain NATS, and splits addresses', () => {
  expect(splitAddresses(' wss://a/nats , nats://b:4222,,').map((url) => [url, isWebSocketAddress(url)])).toEqual([
    ['wss://a/nats', true],
    ['nats://b:4222', false],
  ]);
});
