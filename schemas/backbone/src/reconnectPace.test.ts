import { expect, it } from 'vitest';
import { ReconnectPace } from './reconnectPace.js';

const longest = () => 1;

it('a service reconnects to a restarted nats-server before a host, which needs the authenticator', () => {
  expect(new ReconnectPace(true, longest).next()).toBeLessThanOrEqual(250);
  expect(new ReconnectPace(false, longest).next()).toBe(1_000);
});

it('a host that is refused tries again within a second four times, and then waits longer and longer', () => {
  const pace = new ReconnectPace(false, longest);
  const pauses = Array.from({ length: 10 }, () => {
    pace.refused();
    return pace.next();
  });
  expect(pauses.slice(0, 4)).toEqual([1_000, 1_000, 1_000, 1_000]);
  expect(pauses.slice(4)).toEqual([2_000, 4_000, 8_000, 10_000, 10_000, 10_000]);
  pace.back();
  expect(pace.next()).toBe(1_000);
});
