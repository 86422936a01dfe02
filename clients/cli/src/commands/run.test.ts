import { initialRunnerInfo, type RunnerInfo } from '@pizzapi/protocol';
import { describe, expect, it } from 'vitest';
import { run } from '../testing/run.js';
import { ok, scriptedApi } from '../testing/scriptedApi.js';
import { chooseRunner, findRunner } from '../runnerLookup.js';

const runner = (runnerId: string, change: Partial<RunnerInfo> = {}): RunnerInfo => ({
  ...initialRunnerInfo(runnerId),
  name: `host of ${runnerId}`,
  online: true,
  ...change,
});

describe('the runner of a new session', () => {
  const [a, b, off] = [runner('a'), runner('b'), runner('c', { online: false })];
  it('a new session starts on the only runner that is online, or on the one with the name or the beginning of an id', () => {
    expect(chooseRunner([a, off], undefined)).toBe(a);
    expect(chooseRunner([a, b], 'b')).toBe(b);
    expect(chooseRunner([a, b], 'host of b')).toBe(b);
    const [box, other] = [runner('box_1234'), runner('box_9234')];
    expect(chooseRunner([box, other], 'box_9')).toBe(other);
    expect(chooseRunner([a, runner('t', { kind: 'tui' })], undefined)).toBe(a);
  });

  it('a new session needs the name of a runner when several are online, and the error lists them', () => {
    expect(() => chooseRunner([a, b, off], undefined)).toThrow('--runner: host of a (a), host of b (b).');
    expect(() => chooseRunner([a], 'c')).toThrow('No runner "c" is online. There are: host of a (a).');
    expect(() => chooseRunner([off], undefined)).toThrow('No runner is online');
  });

  it('equal names are ambiguous, and the error lists the ids; the name on the page and an id find the runner', () => {
    const [one, two] = [runner('box_1111aaaa', { name: 'box' }), runner('box_2222bbbb', { name: 'box' })];
    expect(() => chooseRunner([one, two], 'box')).toThrow(
      expect.objectContaining({
        info: {
          code: 'runner_ambiguous',
          message: '"box" fits several runners. Name one by its id: box (box_1111aaaa), box (box_2222bbbb).',
        },
      }) as Error,
    );
    expect(chooseRunner([one, two], 'box (bbbb)')).toBe(two);
    expect(chooseRunner([one, runner('box_3', { name: 'box', online: false })], 'box')).toBe(one);
    expect(findRunner([one, runner('box_3', { online: false })], 'box_3')).toMatchObject({ runnerId: 'box_3' });
  });
});

describe('without a terminal', () => {
  it('attach fails without a terminal and names the commands that need none', async () => {
    expect(await run(['attach', 's1'])).toEqual({
      code: 2,
      stdout: '',
      stderr:
        'bad_option: This needs a terminal, for its keys and its screen: `pizzapi tail s1` prints the session without one.\n',
    });
  });

  it('attach accepts a terminal for keys and screen, wherever its notices are written', async () => {
    const io = { terminal: { keys: true, asks: false, columns: 80 } };
    const { stderr } = await run(['attach', 's1', '--relay-url', 'http://127.0.0.1:1'], { io });
    expect(stderr).toContain('gateway_unreachable');
  });

  it('run starts no session without a terminal', async () => {
    expect(await run(['run', 'hello'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--detach') as string,
    });
  });
});

describe('the arguments after --', () => {
  const reply = { sessionId: 's1', runnerId: 'a', shareUrl: 'http://relay/s/s1' };
  const started = async (...argv: string[]) => {
    const api = await scriptedApi({
      'GET /api/runners': () => ok({ runners: [runner('a')] }),
      'POST /api/sessions': () => ok(reply),
    });
    try {
      const ran = await run(['run', '--detach', '--relay-url', api.url, ...argv]);
      return { ...ran, bodies: api.requests.filter(({ route }) => route.startsWith('POST')).map(({ body }) => body) };
    } finally {
      await api.close();
    }
  };

  it('the arguments after -- are sent to the runner with the session, and never count as input', async () => {
    const { code, stdout, bodies } = await started('Review it', '--', '--tools', 'read,ls', '--thinking', 'low', '-nc');
    expect({ code, stdout }).toEqual({ code: 0, stdout: 's1\nhttp://relay/s/s1\n' });
    const pi = { tools: ['read', 'ls'], noContextFiles: true };
    expect(bodies).toEqual([{ runnerId: 'a', prompt: 'Review it', thinkingLevel: 'low', pi }]);
    expect((await started('--', '--no-tools')).bodies).toEqual([{ runnerId: 'a', pi: { noTools: true } }]);
    expect((await started('--', '-nt', 'Hello')).bodies).toMatchObject([{ prompt: 'Hello' }]);
  });

  it('the modes of the new session are sent with it', async () => {
    const { bodies } = await started('--plan', '--ask', '--goal', 'All tests pass');
    expect(bodies).toEqual([
      { runnerId: 'a', approvals: 'ask', planMode: true, goal: { description: 'All tests pass' } },
    ]);
  });

  it('run starts no session when an argument after -- is invalid', async () => {
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
