import Type from 'typebox';
import { describe, expect, it } from 'vitest';
import { CALL_CONTROLS, commandLine, isMethodRequest, MAX_CALL_MS, method, methodSpec, parseRights } from './index.js';
import { commonRights, RUNNER_METHOD_NAMES, RUNNER_METHODS } from './index.js';

describe('the table of requests to a runner', () => {
  it.each(RUNNER_METHOD_NAMES)('%s has limits, a closed request and a name of its own', (name) => {
    const { request, timeoutMs, maxReplyBytes, maxRequestBytes, summary } = methodSpec(name);
    expect(name).toMatch(/^[a-z]+(_[a-z]+)*$/);
    expect(CALL_CONTROLS).not.toContain(name);
    expect(summary).not.toMatch(/\.$/);
    expect(request).toMatchObject({ additionalProperties: false });
    expect(timeoutMs).toBeLessThanOrEqual(MAX_CALL_MS);
    // One message of nats-server has at most 1 MiB.
    expect(Math.max(maxReplyBytes, maxRequestBytes)).toBeLessThanOrEqual(900 * 1024);
  });

  it('a method cannot have a field with the name of the envelope', () => {
    const spec = { summary: 'x', request: Type.Object({ call: Type.String() }), reply: Type.Object({}) };
    expect(() => method(spec)).toThrow('envelope');
  });

  it('the row of a command names it as a person would type it, shortened and without its input', () => {
    const { changes } = RUNNER_METHODS.exec;
    const request = { argv: ['echo', "it's", 'a b', 'x'.repeat(1_000)], cwd: '/work', stdin: 'c2VjcmV0' };
    const row = changes.kind === 'audited' ? changes.what(request) : {};
    expect(row).toMatchObject({
      cwd: '/work',
      command: expect.stringMatching(/^echo 'it'\\''s' 'a b' x+…$/) as string,
    });
    expect(row.command!.length).toBeLessThanOrEqual(500);
    expect(JSON.stringify(row)).not.toContain('c2VjcmV0');
    expect(commandLine([])).toBe('');
  });

  it.each([
    ['no program', { argv: [] }],
    ['a NUL in an argument', { argv: ['a\0b'] }],
    ['a NUL in the folder', { argv: ['a'], cwd: '/a\0' }],
    ['a variable of ours', { argv: ['a'], env: { PIZZAPI_SESSION: 'x' } }],
    ['a variable that is no name', { argv: ['a'], env: { 'A=B': 'x' } }],
    ['input that is no base64', { argv: ['a'], stdin: '%%' }],
  ])('a command with %s is refused', (_what, request) => {
    expect(isMethodRequest('exec', { argv: ['a'], env: { A: 'b' } })).toBe(true);
    expect(isMethodRequest('exec', request)).toBe(false);
  });
});

describe('the rights of a runner token', () => {
  it('are read from a list, in the order of the table', () => {
    expect(parseRights('exec, sessions')).toEqual({ kind: 'ok', rights: ['sessions', 'exec'] });
    expect(parseRights('sessions,root')).toEqual({ kind: 'unknown', word: 'root' });
    expect(parseRights('')).toEqual({ kind: 'ok', rights: [] });
  });

  it('are those that both the runner and its token have, and all where none is named', () => {
    expect(commonRights(undefined, undefined)).toBeUndefined();
    expect(commonRights(undefined, ['exec'])).toEqual(['exec']);
    expect(commonRights(['sessions'], ['exec'])).toEqual([]);
  });
});
