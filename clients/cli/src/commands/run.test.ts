import { initialRunnerInfo, type RunnerInfo } from '@pizzapi/protocol';
import { describe, expect, it } from 'vitest';
import { run } from '../testing/run.js';
import { ok, scriptedApi } from '../testing/scriptedApi.js';
import { chooseRunner } from './run.js';

const runner = (runnerId: string, change: Partial<RunnerInfo> = {}): RunnerInfo => ({
  ...initialRunnerInfo(runnerId),
  name: `host of ${runnerId}`,
  online: true,
  ...change,
});

describe('the runner of a new session', () => {
  const [a, b, off] = [runner('a'), runner('b'), runner('c', { online: false })];
  it('is the only one that is online, or the one that is named by id or name', () => {
    expect(chooseRunner([a, off], undefined)).toBe(a);
    expect(chooseRunner([a, b], 'b')).toBe(b);
    expect(chooseRunner([a, b], 'host of b')).toBe(b);
    expect(chooseRunner([a, runner('t', { kind: 'tui' })], undefined)).toBe(a);
  });

  it('has to be named where there are several, and the answer says which', () => {
    expect(() => chooseRunner([a, b, off], undefined)).toThrow('--runner: host of a (a), host of b (b).');
    expect(() => chooseRunner([a], 'c')).toThrow('No single runner "c" is online');
    expect(() => chooseRunner([off], undefined)).toThrow('No runner is online');
  });
});

describe('without a terminal', () => {
  it('attach says so, and what shows the session without one', async () => {
    expect(await run(['attach', 's1'])).toEqual({
      code: 2,
      stdout: '',
      stderr:
        'bad_option: This needs a terminal, for its keys and its screen: `pizzapi tail s1` prints the session without one.\n',
    });
  });

  it('attach is content with one for keys and screen, wherever its notices go', async () => {
    const io = { terminal: { keys: true, asks: false, columns: 80 } };
    const { stderr } = await run(['attach', 's1', '--relay-url', 'http://127.0.0.1:1'], { io });
    expect(stderr).toContain('gateway_unreachable');
  });

  it('run starts nothing', async () => {
    expect(await run(['run', 'hello'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--detach') as string,
    });
  });
});

describe('what stands behind --', () => {
  const reply = { sessionId: 's1', runnerId: 'a', shareUrl: 'http://relay/s/s1' };
  const started = async (...argv: string[]) => {
    const api = await scriptedApi({
      'GET /api/runners': () => ok({ runners: [runner('a')] }),
      'POST /api/sessions': () => ok(reply),
    });
    try {
      const ran = await run(['run', '--detach', '--relay-url', api.url, ...argv]);
      return { ...ran, bodies: api.asked.filter(({ route }) => route.startsWith('POST')).map(({ body }) => body) };
    } finally {
      await api.close();
    }
  };

  it('goes to the runner with the session, and never counts as a prompt', async () => {
    const { code, stdout, bodies } = await started('Review it', '--', '--tools', 'read,ls', '--thinking', 'low', '-nc');
    expect({ code, stdout }).toEqual({ code: 0, stdout: 's1\nhttp://relay/s/s1\n' });
    const pi = { tools: ['read', 'ls'], noContextFiles: true };
    expect(bodies).toEqual([{ runnerId: 'a', prompt: 'Review it', thinkingLevel: 'low', pi }]);
    expect((await started('--', '--no-tools')).bodies).toEqual([{ runnerId: 'a', pi: { noTools: true } }]);
    expect((await started('--', '-nt', 'Hello')).bodies).toMatchObject([{ prompt: 'Hello' }]);
  });

  it('starts nothing when something is wrong with it', async () => {
    for (const argv of [
      ['--', '--api-key', 'x'],
      ['one', 'two'],
      ['one', '--', 'two'],
      ['--model', 'a/b', '--', '--model', 'a/c'],
    ]) {
      const { code, stderr, bodies } = await started(...argv);
      expect({ code, bodies }).toEqual({ code: 2, bodies: [] });
      expect(stderr).toMatch(/^bad_option: .*\n$/);
    }
  });
});
