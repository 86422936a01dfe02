import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { auditLine } from './auditLine.js';

const show = (row: object) => auditLine({ seq: 7, kind: 'login', at: 0, ...row }, { colour: false });

describe('a row of the audit trail', () => {
  it('has its offset, its time, its kind and a sentence', () => {
    expect(show({ userId: 'u_1', ip: '10.0.0.9', how: 'link' })).toBe(
      '      7 1970-01-01 00:00:00  login             u_1 signed in by a link from 10.0.0.9',
    );
    expect(show({ kind: 'refused', code: 'forbidden', frame: 'input', sessionId: 's1' })).toBe(
      '      7 1970-01-01 00:00:00  refused           An unknown client was refused the frame input in s1 (forbidden)',
    );
  });

  it('an audit row is printed as one line without escape sequences, whatever it holds', () => {
    const isSafe = (row: object) => !/\p{Cc}/u.test(show(row));
    expect(isSafe({ kind: 'a\nb', userId: '\u001b[2J', '\u0007': '\u009b' })).toBe(true);
    fc.assert(fc.property(fc.object(), isSafe));
  });
});
