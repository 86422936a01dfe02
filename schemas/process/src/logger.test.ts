import { describe, expect, it } from 'vitest';
import { prettyLine } from './prettyLine.js';

const plain = (line: object | string) =>
  // eslint would rather not see the escape character, but it is what is being removed
  prettyLine(typeof line === 'string' ? line : JSON.stringify(line)).replaceAll(
    new RegExp(`${String.fromCharCode(27)}\\[\\d+m`, 'g'),
    '',
  );

describe('a log line on a terminal', () => {
  const base = { level: 'warn', time: '2026-01-02T03:04:05.678Z', pid: 7, name: 'gateway', msg: 'slow' };

  it('is the time, who, what, and the facts', () => {
    expect(plain({ ...base, sid: 'a', n: 3 })).toBe('03:04:05.678 warn  gateway: slow sid=a n=3\n');
  });

  it('is followed by the stack of an error', () => {
    expect(plain({ ...base, err: { message: 'no', stack: 'Error: no\n  at x' } })).toContain(
      'slow\n  Error: no\n    at x\n',
    );
  });

  it('is passed on as it is when it is not ours', () => {
    expect(plain('hello\n')).toBe('hello\n');
  });
});
