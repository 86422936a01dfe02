import { initialRunnerInfo, initialSessionInfo, type SessionInfo } from '@pizzapi/protocol';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { run } from './testing/run.js';
import { ok, refuse, scriptedApi, type RecordedRequest, type ScriptedApi } from './testing/scriptedApi.js';

const ONE = 's_aaaabbbbccccddddeeee';
const TWO = 's_aaaazzzzccccddddeeee';
const session = (sessionId: string, name: string, lastActivityAt: number): SessionInfo => ({
  ...initialSessionInfo(sessionId),
  name,
  lastActivityAt,
});

let api: ScriptedApi;
beforeEach(async () => {
  api = await scriptedApi({
    'GET /api/sessions': () => ok({ sessions: [session(ONE, 'Docs', 1), session(TWO, 'docs', 2)] }),
    ...Object.fromEntries([ONE, TWO].map((sid) => [`DELETE /api/sessions/${sid}`, () => ({ status: 204 })])),
    [`GET /api/sessions/${ONE}`]: () => ok({ session: session(ONE, 'Docs\u001b[31m', 1) }),
  });
});
afterEach(() => api.close());

const env = { PIZZAPI_HOME: '/nowhere', PIZZAPI_API_KEY: 'pzk_mine' };
const cli = (...argv: string[]) => run([...argv, '--relay-url', api.url], { env });
const routes = () => api.requests.map(({ route }) => route);

describe('a session on the command line', () => {
  it.each([
    ['the beginning of its id', 's_aaaab', ONE],
    ['its name', 'Docs', ONE],
    ['the word last', 'last', TWO],
  ])('a session is found by %s', async (_how, named, sid) => {
    expect(await cli('delete', named, '--yes')).toMatchObject({ code: 0, stdout: `Deleted: ${sid}\n` });
  });

  it('a whole id is used without a list, and any id when the list is refused', async () => {
    expect(await cli('delete', ONE, '--yes')).toMatchObject({ code: 0 });
    expect(routes()).toEqual([`DELETE /api/sessions/${ONE}`]);
    api.script['GET /api/sessions'] = () => refuse(403, 'forbidden');
    api.script['DELETE /api/sessions/other'] = () => ({ status: 204 });
    expect(await cli('delete', 'other', '--yes')).toMatchObject({ code: 0, stdout: 'Deleted: other\n' });
  });

  it('a text that fits several sessions is refused with the list of them, and changes none', async () => {
    expect(await cli('delete', 's_aaaa', '--yes')).toEqual({
      code: 1,
      stdout: '',
      stderr:
        'session_ambiguous: "s_aaaa" fits several sessions. Name one by its id: s_aaaabb (Docs), s_aaaazz (docs).\n',
    });
    expect(routes()).toEqual(['GET /api/sessions']);
  });

  it('a text that is no id and no name is refused', async () => {
    expect(await cli('tail', 'a.b')).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^session_not_found: No session is called "a\.b"\./) as string,
    });
  });

  it('the list of sessions prints short ids, and JSON with whole ids and addresses', async () => {
    expect((await cli('sessions')).stdout.split('\n').map((row) => row.split(' ')[0])).toEqual([
      'SESSION',
      's_aaaazz',
      's_aaaabb',
      '',
    ]);
    const lines = (await cli('sessions', '--json')).stdout.trim().split('\n');
    expect(lines.map((line) => JSON.parse(line) as unknown)).toMatchObject([
      { sessionId: TWO, url: `${api.url}/s/${TWO}`, name: 'docs' },
      { sessionId: ONE, url: `${api.url}/s/${ONE}` },
    ]);
  });
});

describe('a list of many pages', () => {
  const MANY = Array.from({ length: 7 }, (_, i) => session(`s_${i}aaabbbbccccdddd`, `Task ${i}`, 100 - i));
  /** Two sessions for each page, as a gateway with many sends them. */
  const pages = ({ query }: RecordedRequest) => {
    const q = query['q']?.toLowerCase() ?? '';
    const fitting = MANY.filter(({ sessionId, name }) => `${sessionId} ${name}`.toLowerCase().includes(q));
    const from = Number(query['cursor'] ?? 0);
    const cursor = from + 2 < fitting.length ? { cursor: String(from + 2) } : {};
    return ok({ sessions: fitting.slice(from, from + 2), ...cursor });
  };
  beforeEach(() => {
    api.script['GET /api/sessions'] = pages;
    api.script[`DELETE /api/sessions/${MANY[6]!.sessionId}`] = () => ({ status: 204 });
  });

  it.each(['s_6aaa', 'Task 6', 'task 6'])('a session that is not on the first page is found by %s', async (named) => {
    expect(await cli('delete', named, '--yes')).toMatchObject({
      code: 0,
      stdout: `Deleted: ${MANY[6]!.sessionId}\n`,
    });
  });

  it('sessions lists all pages, or what fits a search, a state and a runner, up to a limit', async () => {
    const names = async (...more: string[]) =>
      (await cli('sessions', '--json', ...more)).stdout
        .trim()
        .split('\n')
        .map((row) => (JSON.parse(row) as SessionInfo).name);
    expect(await names()).toEqual(MANY.map(({ name }) => name));
    expect(await names('5 task')).toEqual(['Task 5']);
    expect(await names('--limit', '3')).toEqual(['Task 0', 'Task 1', 'Task 2']);
    api.script['GET /api/runners'] = () => ok({ runners: [{ ...initialRunnerInfo('box_1234'), name: 'box' }] });
    expect((await cli('sessions', '--runner', 'box', '--state', 'live')).stdout).toBe('No session fits.\n');
    expect(api.requests.at(-1)!.query).toMatchObject({ runner: 'box_1234', state: 'live' });
    expect(await cli('sessions', '--state', 'asleep')).toMatchObject({ code: 2 });
    expect(await cli('sessions', '--limit', '0')).toMatchObject({ code: 2 });
  });

  it('completion asks for what was typed, and has candidates that are not on the first page', async () => {
    const { stdout } = await run(['__complete', '--', 'attach', 's_6'], {
      env: { ...env, PIZZAPI_RELAY_URL: api.url },
    });
    expect(stdout).toBe('s_6aaabb\tTask 6\n');
  });
});

describe('delete', () => {
  const asking = (answer: string) => {
    const io = { terminal: { keys: true, asks: true, columns: 80 } };
    return run(['delete', ONE, '--relay-url', api.url, '--json'], { env, io, stdin: answer });
  };

  it('delete asks on a terminal, names the session safely, and deletes only after a yes', async () => {
    for (const answer of ['n\n', '\n', '']) {
      const { code, stdout, stderr } = await asking(answer);
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
      expect(stderr).toContain(`Delete "Docs" (${ONE}) with its log and files permanently? [y/N] `);
      expect(stderr).toContain('start_stopped: Not confirmed; nothing was changed.');
    }
    expect(routes()).not.toContain(`DELETE /api/sessions/${ONE}`);
    const { code, stdout } = await asking('y\n');
    expect({ code, printed: JSON.parse(stdout) as unknown }).toEqual({
      code: 0,
      printed: { sessionId: ONE, url: `${api.url}/s/${ONE}` },
    });
    expect(routes()).toContain(`DELETE /api/sessions/${ONE}`);
  });
});
