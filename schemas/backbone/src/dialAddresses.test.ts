import { expect, it } from 'vitest';
import { dialAddresses } from './dialAddresses.js';

it('addresses of WebSockets have their port, and others stay as they are', () => {
  expect(dialAddresses(['wss://relay.example/nats', 'ws://[::1]:7492/nats'])).toEqual({
    servers: ['wss://relay.example:443/nats', 'ws://[::1]:7492/nats'],
    overWebSocket: true,
  });
  expect(dialAddresses(['nats://a:4222', 'tls://b'])).toEqual({
    servers: ['nats://a:4222', 'tls://b'],
    overWebSocket: false,
  });
});

it('one connection takes addresses of one kind, without a password in them', () => {
  expect(() => dialAddresses(['wss://a/nats', 'nats://a:4222'])).toThrow(/mix/);
  expect(() => dialAddresses(['wss://user:secret@a/nats'])).toThrow(/user name/);
});
