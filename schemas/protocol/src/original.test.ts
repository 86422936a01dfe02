import { describe, expect, it } from 'vitest';
import { isValidPassword, PASSWORD_REQUIREMENTS, validatePassword } from './password.js';
import { compareSemver, isSocketProtocolCompatible, parseSemverTriplet, SOCKET_PROTOCOL_VERSION } from './version.js';

describe('passwords', () => {
  it('need 8 to 128 code points, an upper, a lower and a digit', () => {
    expect(isValidPassword('Passw0rd')).toBe(true);
    expect(isValidPassword('Aa1' + '😀'.repeat(125))).toBe(true);
    for (const bad of ['Passw0r', 'passw0rd', 'PASSW0RD', 'Password', 'Aa1' + '😀'.repeat(126), 'Aa1😀😀😀']) {
      expect(isValidPassword(bad)).toBe(false);
    }
  });

  it('always get all results, in the order of the requirements', () => {
    for (const password of ['', 'x', 'Passw0rd', undefined, 5, null]) {
      expect(validatePassword(password).checks.map(({ label }) => label)).toEqual([...PASSWORD_REQUIREMENTS]);
    }
    expect(validatePassword('abc').checks.map(({ met }) => met)).toEqual([false, true, false, true, false]);
  });

  it('that are no strings fail every rule', () => {
    expect(validatePassword(12345678).checks.every(({ met }) => !met)).toBe(true);
  });
});

describe('versions', () => {
  it.each([
    ['1.2.3', [1, 2, 3]],
    [' v1.2 ', [1, 2, 0]],
    ['V7', [7, 0, 0]],
    ['1.2.3-rc.1+build', [1, 2, 3]],
    ['1.2.3+b-x', [1, 2, 3]],
  ])('%s is %j', (text, triplet) => {
    expect(parseSemverTriplet(text)).toEqual(triplet);
  });

  it.each(['', 'v', '1.2.3.4', '1..2', 'a.b', '1.2.x', '-1', 'vv1', 1, null])('%j is no version', (text) => {
    expect(parseSemverTriplet(text)).toBeNull();
  });

  it('compare by their numbers; what is no version compares as equal', () => {
    expect(compareSemver('1.10.0', '1.9.9')).toBeGreaterThan(0);
    expect(compareSemver('1.0.0-alpha', '1.0.0')).toBe(0);
    expect(compareSemver('v1', '1.0.1')).toBeLessThan(0);
    expect(compareSemver('nonsense', '1.0.0')).toBe(0);
  });

  it('of the protocol must be ours when they are said', () => {
    expect(SOCKET_PROTOCOL_VERSION).toBe(1);
    for (const fine of [1, '1', undefined, null, 'x', 1.5, {}]) expect(isSocketProtocolCompatible(fine)).toBe(true);
    for (const other of [0, 2, -1, '2']) expect(isSocketProtocolCompatible(other)).toBe(false);
  });
});
