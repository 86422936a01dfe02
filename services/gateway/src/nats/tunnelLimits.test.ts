import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { LET_IN_MS, MAX_NEW_OF_ADDRESS, MAX_TUNNELS, MAX_TUNNELS_OF_ADDRESS, TunnelLimits } from './tunnelLimits.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** Opens connections of one address, and waits until nats-server has let each in. */
function fill(limits: TunnelLimits, ip: string, count: number): (() => void)[] {
  return Array.from({ length: count }, (_, at) => {
    if (at % MAX_NEW_OF_ADDRESS === 0) vi.advanceTimersByTime(LET_IN_MS);
    const release = limits.take(ip);
    if (release === undefined) throw new Error(`The connection ${at} was refused`);
    return release;
  });
}

it('an address may have some connections that nats-server has not let in yet', () => {
  const limits = new TunnelLimits();
  const releases = Array.from({ length: MAX_NEW_OF_ADDRESS }, () => limits.take('192.0.2.1'));
  expect(limits.take('192.0.2.1')).toBeUndefined();
  expect(limits.take('192.0.2.2')).toBeDefined();
  releases[0]?.();
  releases[0]?.();
  expect(limits.take('192.0.2.1')).toBeDefined();
  expect(limits.take('192.0.2.1')).toBeUndefined();
  vi.advanceTimersByTime(LET_IN_MS);
  expect(limits.take('192.0.2.1')).toBeDefined();
});

it('an address may have as many connections as two runners need, an IPv6 network as one address', () => {
  const limits = new TunnelLimits();
  fill(limits, '2001:db8::1', MAX_TUNNELS_OF_ADDRESS);
  vi.advanceTimersByTime(LET_IN_MS);
  expect(limits.take('2001:db8::2')).toBeUndefined();
  expect(limits.take('2001:db8:0:1::1')).toBeDefined();
});

it('a gateway passes a limited number of connections on', () => {
  const limits = new TunnelLimits();
  for (let at = 0; at < MAX_TUNNELS / MAX_TUNNELS_OF_ADDRESS; at++)
    fill(limits, `192.0.2.${at}`, MAX_TUNNELS_OF_ADDRESS);
  expect(limits.take('198.51.100.1')).toBeUndefined();
});
