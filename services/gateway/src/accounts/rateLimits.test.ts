import { describe, expect, it, vi } from 'vitest';
import { AttemptRateLimiter } from './rateLimits.js';

const times = async (count: number, work: () => Promise<number | undefined>) => {
  const waits: (number | undefined)[] = [];
  for (let i = 0; i < count; i++) waits.push(await work());
  return waits.filter((wait) => wait !== undefined).length;
};

const A = '192.0.2.1';
const account = 'a@b.c';

describe('attempts', () => {
  it('beyond ten a minute of one client are too many, and are told how long to wait', async () => {
    const limits = new AttemptRateLimiter();
    expect(await times(10, () => limits.consume('login', { ip: A }))).toBe(0);
    const wait = await limits.consume('login', { ip: A });
    expect(wait).toBeGreaterThan(0);
    expect(wait).toBeLessThanOrEqual(60);
    expect(await limits.consume('signup', { ip: A })).toBeUndefined();
    expect(await limits.consume('login', { ip: '192.0.2.2' })).toBeUndefined();
  });

  it('that do not count never use up what a client has, and those that count say how long to wait', async () => {
    const limits = new AttemptRateLimiter();
    const waitOf = () => limits.waitOf('issuer', { ip: A });
    expect(await times(50, waitOf)).toBe(0);
    await times(9, () => limits.consume('issuer', { ip: A }));
    expect(await waitOf()).toBeUndefined();
    await limits.consume('issuer', { ip: A });
    expect(await waitOf()).toBeGreaterThan(0);
    expect(await limits.consume('issuer', { ip: A })).toBeGreaterThan(0);
    expect(await limits.waitOf('issuer', { ip: '192.0.2.2' })).toBeUndefined();
  });

  it('of one client, however many, keep nobody else from an account', async () => {
    const limits = new AttemptRateLimiter();
    await times(500, () => limits.consume('login', { ip: A, account }));
    expect(await limits.consume('login', { ip: '192.0.2.2', account })).toBeUndefined();
  });

  it('at one account count together above a hundred, and each time for longer', async () => {
    let now = 1_000_000;
    const clock = vi.spyOn(Date, 'now').mockImplementation(() => now);
    const limits = new AttemptRateLimiter();
    let client = 0;
    const attempt = () => limits.consume('login', { ip: `10.${client >> 8}.${client++ & 255}.1`, account });
    const waits: (number | undefined)[] = [];
    for (let round = 0; round < 6; round++) {
      expect(await times(100, attempt), `round ${round}`).toBe(0);
      const wait = await attempt();
      waits.push(wait);
      expect(await attempt(), 'asking again makes it no longer').toBeLessThanOrEqual(wait!);
      now += wait! * 1_000;
    }
    expect(waits).toEqual([60, 120, 240, 480, 900, 900]);
    expect(await limits.consume('login', { ip: A, account: 'd@e.f' })).toBeUndefined();
    clock.mockRestore();
  });

  it('of a device that has signed in before count by themselves, at an account that others try and from their address', async () => {
    const limits = new AttemptRateLimiter();
    for (let client = 0; client < 200; client++) await limits.consume('login', { ip: `10.0.${client}.1`, account });
    await times(20, () => limits.consume('login', { ip: A, account }));
    expect(await limits.consume('login', { ip: A, account })).toBeDefined();
    expect(await times(10, () => limits.consume('login', { ip: A, account, device: 'mine' }))).toBe(0);
    expect(await limits.consume('login', { ip: A, account, device: 'mine' })).toBeDefined();
    expect(await limits.consume('login', { ip: A, account, device: 'another' })).toBeUndefined();
  });

  it('that succeed count for nothing', async () => {
    const limits = new AttemptRateLimiter();
    for (const who of [
      { ip: A, account },
      { ip: A, account, device: 'mine' },
      { ip: A, account, signedIn: true },
    ]) {
      const success = async () => {
        const wait = await limits.consume('login', who);
        await limits.refund('login', who);
        return wait;
      };
      expect(await times(300, success)).toBe(0);
    }
  });

  it('of who is signed in are ten at their account, from wherever', async () => {
    const limits = new AttemptRateLimiter();
    let client = 0;
    const attempt = () => limits.consume('password', { ip: `10.0.0.${client++}`, account, signedIn: true });
    expect(await times(11, attempt)).toBe(1);
  });

  it('of a client that is sent away do not count against the account', async () => {
    const limits = new AttemptRateLimiter(3);
    await times(3, () => limits.consume('login', { ip: A, account: 'x@y.z' }));
    expect(await times(100, () => limits.consume('login', { ip: A, account }))).toBe(100);
    expect(await limits.consume('login', { ip: '192.0.2.2', account })).toBeUndefined();
  });
});
