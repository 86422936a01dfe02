import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { auditLine } from './auditLine.js';

const show = (row: object) => auditLine({ seq: 7, kind: 'login', at: 0, ...row }, { colour: false });

describe('a row of the audit log', () => {
  it('an audit row is printed as time, action, actor and origin, followed by the other fields', () => {
    expect(show({ userId: 'u_1', via: 'api', ip: '10.0.0.9', approved: true })).toBe(
      '      7 1970-01-01 00:00:00  login             u_1 (api)     ip=10.0.0.9 approved=true',
    );
    expect(show({ kind: 'refused', code: 'forbidden', name: 'a b' })).toBe(
      '      7 1970-01-01 00:00:00  refused           -             code=forbidden name="a b"',
    );
  });

  it('an audit row is printed as one line without escape sequences, whatever it holds', () => {
    const isSafe = (row: object) => !/\p{Cc}/u.test(show(row));
    expect(isSafe({ kind: 'a\nb', userId: '\u001b[2J', '\u0007': '\u009b' })).toBe(true);
    fc.assert(fc.property(fc.object(), isSafe));
  });
});
