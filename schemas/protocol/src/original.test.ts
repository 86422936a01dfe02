import { describe, expect, it } from 'vitest';
import { Attachment } from './commands.js';
import { RunnerInfo, SessionInfo } from './info.js';
import { ModelInfo } from './modelInfo.js';
import { isValidPassword, PASSWORD_REQUIREMENTS, validatePassword } from './password.js';
import { compareSemver, isSocketProtocolCompatible, parseSemverTriplet, SOCKET_PROTOCOL_VERSION } from './version.js';

describe('passwords', () => {
  it('a password needs 8 to 128 code points, an upper-case letter, a lower-case letter and a digit', () => {
    expect(isValidPassword('Passw0rd')).toBe(true);
    expect(isValidPassword('Aa1' + '😀'.repeat(125))).toBe(true);
    for (const bad of ['Passw0r', 'passw0rd', 'PASSW0RD', 'Password', 'Aa1' + '😀'.repeat(126), 'Aa1😀😀😀']) {
      expect(isValidPassword(bad)).toBe(false);
    }
  });

  it('a password check always returns all results, in the order of the requirements', () => {
    for (const password of ['', 'x', 'Passw0rd', undefined, 5, null]) {
      expect(validatePassword(password).checks.map(({ label }) => label)).toEqual([...PASSWORD_REQUIREMENTS]);
    }
    expect(validatePassword('abc').checks.map(({ met }) => met)).toEqual([false, true, false, true, false]);
  });

  it('a password that is not a string fails every rule', () => {
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
  ])('the version %s is parsed as %j', (text, triplet) => {
    expect(parseSemverTriplet(text)).toEqual(triplet);
  });

  it.each(['', 'v', '1.2.3.4', '1..2', 'a.b', '1.2.x', '-1', 'vv1', 1, null])('%j is not a version', (text) => {
    expect(parseSemverTriplet(text)).toBeNull();
  });

  it('versions are compared by their numbers; an invalid version compares as equal', () => {
    expect(compareSemver('1.10.0', '1.9.9')).toBeGreaterThan(0);
    expect(compareSemver('1.0.0-alpha', '1.0.0')).toBe(0);
    expect(compareSemver('v1', '1.0.1')).toBeLessThan(0);
    expect(compareSemver('nonsense', '1.0.0')).toBe(0);
  });

  it('the protocol version of the other side must equal ours when it is present', () => {
    expect(SOCKET_PROTOCOL_VERSION).toBe(1);
    for (const fine of [1, '1', undefined, null, 'x', 1.5, {}]) expect(isSocketProtocolCompatible(fine)).toBe(true);
    for (const other of [0, 2, -1, '2']) expect(isSocketProtocolCompatible(other)).toBe(false);
  });
});

describe('shared types', () => {
  it.each([
    [
      'SessionInfo',
      SessionInfo,
      [
        ...['sessionId', 'shareUrl', 'cwd', 'startedAt', 'sessionName', 'isEphemeral', 'isActive', 'lastHeartbeatAt'],
        ...['model', 'runnerId', 'runnerName', 'parentSessionId', 'viewerCount', 'userId', 'userName', 'expiresAt'],
      ],
    ],
    [
      'RunnerInfo',
      RunnerInfo,
      [
        ...['runnerId', 'name', 'roots', 'sessionCount', 'skills', 'agents', 'plugins', 'hooks', 'version', 'platform'],
        ...['serviceIds', 'panels', 'triggerDefs', 'warnings'],
      ],
    ],
    ['ModelInfo', ModelInfo, ['provider', 'id', 'name']],
    ['Attachment', Attachment, ['attachmentId', 'mediaType', 'filename', 'url']],
  ])('%s has all fields of the original protocol', (_name, { properties }, fields) => {
    expect(Object.keys(properties)).toEqual(expect.arrayContaining(fields));
  });
});
