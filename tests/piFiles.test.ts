import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { newId } from '@pizzapi/protocol';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCli } from './support/cli.js';
import { startLocalStack, type LocalStack } from './support/localStack.js';
import { pairingProblem, startEndpoint, type ScriptedEndpoint } from './support/openai.js';
import { until } from './support/until.js';
import { processes, workerProcess } from './support/processes.js';
import { apiOf, tell, untilHosted, watch } from './support/viewer.js';

let stage: LocalStack;
let endpoint: ScriptedEndpoint;

beforeAll(async () => {
  endpoint = await startEndpoint([{ text: ['Understood.'] }]);
  const models = { providers: { mine: provider(endpoint.baseUrl) } };
  stage = await startLocalStack({}, { files: { '.pi/agent/models.json': JSON.stringify(models) } });
}, 120_000);
afterAll(async () => {
  await stage?.clear();
  await endpoint?.close();
});

function provider(baseUrl: string): object {
  const model = { id: 'my-model', name: 'My model', contextWindow: 128_000, maxTokens: 8_192 };
  return { baseUrl, api: 'openai-completions', apiKey: 'KEY', models: [model] };
}

const HEADER = JSON.stringify({
  ...{ type: 'session', version: 3, id: newId(), timestamp: '2026-01-01T00:00:00Z', cwd: '/' },
});
const usage = { input: 1, output: 1, cacheRead: 0, cacheWrite: 0, totalTokens: 2, cost: { total: 0 } };

/** Entries in a row, each the child of the one in front of it. */
function entries(...messages: object[]): string[] {
  return messages.map((message, index) =>
    JSON.stringify({
      ...{ type: 'message', id: `e${index}`, parentId: index === 0 ? null : `e${index - 1}` },
      ...{ timestamp: '2026-01-01T00:00:01Z', message },
    }),
  );
}

const user = (content: unknown = 'Hello') => ({ role: 'user', content, timestamp: 1 });
const answer = (more: object = {}) => ({
  ...{ role: 'assistant', api: 'openai-completions', provider: 'mine', model: 'my-model', usage, timestamp: 2 },
  ...{ stopReason: 'stop', content: [{ type: 'text', text: 'Yes' }], ...more },
});
const call = (...ids: string[]) =>
  answer({
    ...{ stopReason: 'toolUse' },
    content: ids.map((id) => ({ type: 'toolCall', id, name: 'bash', arguments: { command: 'true' } })),
  });
const result = (toolCallId: string) => ({
  ...{ role: 'toolResult', toolCallId, toolName: 'bash', isError: false, timestamp: 3 },
  content: [{ type: 'text', text: 'done' }],
});

function written(text: string): string {
  const path = join(stage.project, `${newId()}.jsonl`);
  writeFileSync(path, text);
  return path;
}

const create = (resumedFrom: string, more: object = {}) =>
  apiOf(stage).createSession({ cwd: stage.project, model: 'mine/my-model', resumedFrom, ...more });

/** The error of a file that is refused. On a busy machine the runner may take longer than the gateway waits. */
function refusal(path: string): Promise<{ status: number; error: { code: string; message: string } }> {
  return until(
    `${path} is refused`,
    async () => {
      const reply = await create(path);
      return reply.kind === 'failed' && reply.error.code !== 'file_in_use' && reply;
    },
    120_000,
  );
}

/** Continues a file, sends a prompt, and returns the titles of the notices when the model has answered. */
async function continued(path: string, more: object = {}): Promise<{ notices: string[]; sid: string }> {
  // The runner frees a file a moment after its session has ended.
  const reply = await until(`${path} is free`, async () => {
    const attempt = await create(path, more);
    return !(attempt.kind === 'failed' && attempt.error.code === 'file_in_use') && attempt;
  });
  if (reply.kind === 'failed') throw new Error(reply.error.message);
  const { sessionId: sid } = reply.value;
  await untilHosted(stage, sid);
  const view = watch(stage, sid);
  try {
    const text = `Go on with ${sid}`;
    await tell(stage, sid, text);
    await view.next('agent_end');
    const requests = endpoint.requests.filter(({ body }) => JSON.stringify(body).includes(text));
    expect(requests).toHaveLength(1);
    const messages = requests[0]!.body['messages'] as Parameters<typeof pairingProblem>[0];
    expect(pairingProblem(messages)).toBeUndefined();
    const last = view.events.filter(({ event }) => event.type === 'message_end').at(-1)!.event;
    expect(last).toMatchObject({ message: { role: 'assistant', content: [{ text: 'Understood.' }] } });
    const notices = view.events.flatMap(({ event }) =>
      event.type === 'dialog_opened' ? [String(event['title'])] : [],
    );
    return { notices, sid };
  } finally {
    view.close();
    await apiOf(stage).command(sid, { name: 'kill_session', args: {} });
    await untilEnded(sid);
  }
}

async function untilEnded(sid: string): Promise<void> {
  await until(`${sid} has ended`, async () => {
    const reply = await apiOf(stage).session(sid);
    return reply.kind === 'ok' && reply.value.session.state === 'ended';
  });
}

describe('a session that does not open', () => {
  it('is deleted with its process, although its extension spins', async () => {
    const cwd = join(stage.project, newId());
    mkdirSync(join(cwd, '.pi', 'extensions'), { recursive: true });
    writeFileSync(join(cwd, '.pi', 'extensions', 'spin.ts'), 'export default () => { for (;;); };');
    const reply = await apiOf(stage).createSession({ cwd, model: 'demo/demo', pi: { approve: true } });
    if (reply.kind === 'failed') throw new Error(reply.error.message);
    const { sessionId: sid } = reply.value;
    const { pid } = await until('it has a worker', () => workerProcess(sid));
    const deleted = await apiOf(stage).deleteSession(sid);
    expect(deleted).toMatchObject({ kind: 'ok' });
    await until('its process is gone', () => processes().every((each) => each.pid !== pid));
    const listed = await apiOf(stage).sessions();
    expect(JSON.stringify(listed)).not.toContain(sid);
  });
});

describe('a session that continues a file of pi', () => {
  it('continues a file whose last line has no line break, and the file stays whole', async () => {
    const path = written([HEADER, ...entries(user(), answer())].join('\n'));
    const { notices } = await continued(path);
    expect(notices).toEqual([]);
    const lines = readFileSync(path, 'utf8').trimEnd().split('\n');
    expect(lines.length).toBeGreaterThan(4);
    for (const line of lines) expect(() => JSON.parse(line) as unknown).not.toThrow();
    await continued(path);
  });

  it.concurrent.each([
    ['a result without its call', [user(), result('lost'), answer()], /1? ?.*tool result without its call/],
    ['two results of one call', [user(), call('a'), result('a'), result('a'), answer()], /or a second one/],
    ['a call without its result', [user(), call('a', 'b'), result('b'), user('Next'), answer()], /without its result/],
    ['a result behind the next message', [user(), call('a'), user('Next'), result('a'), answer()], undefined],
    ['an answer without usage', [user(), answer({ usage: undefined })], /answer without its usage/],
    ['content of null', [user(null), answer()], /message without its content/],
    ['no content', [user(), { role: 'user', timestamp: 2 }, answer()], /message without its content/],
    ['an answer without a model', [user(), answer({ model: undefined })], /answer without its model/],
  ] as const)(
    'gets an answer to its next prompt when the file has %s, and says what was repaired',
    async (_, had, says) => {
      const { notices } = await continued(written([HEADER, ...entries(...had), ''].join('\n')));
      if (says === undefined) expect(notices).toEqual([]);
      else expect(notices.join()).toMatch(says);
      expect(notices.join()).not.toMatch(/undefined|NaN/);
    },
  );

  it('is refused for a damaged file with the line, by resume and import alike, and salvage continues a copy', async () => {
    const [first, second, third] = entries(user(), answer(), user('More')) as [string, string, string];
    const text = [HEADER, first, second, third.slice(0, 30), ''].join('\n');
    const path = written(text);
    expect(await refusal(path)).toMatchObject({
      status: 422,
      error: { code: 'file_damaged', message: expect.stringContaining(`Line 4 of ${path} is cut off`) as string },
    });
    const refused = await runCli(stage, 'import', path);
    expect(refused).toMatchObject({ code: 1, stdout: '' });
    expect(refused.stderr).toContain('Line 4 of');

    const { notices } = await continued(path, { salvage: true });
    expect(notices.join()).toContain('line 4 is cut off');
    expect(readFileSync(path, 'utf8')).toBe(text);
    const run = await runCli(stage, 'import', path, '--salvage');
    expect(run).toMatchObject({ code: 0, stderr: expect.stringContaining('Line 4 is cut off') as string });
    const started = await runCli(stage, 'run', '-d', '--model', 'mine/my-model', '--resume', path, '--salvage');
    expect(started).toMatchObject({ code: 0, stderr: '' });
  });

  it('is forked when it has ended, by the command line', async () => {
    const { sid } = await continued(written([HEADER, ...entries(user(), answer()), ''].join('\n')));
    expect(await runCli(stage, 'fork', sid)).toMatchObject({ code: 0 });
  });

  it('is refused for a cycle of entries, with the line, before pi follows it', async () => {
    const cycle = entries(user(), answer(), user()).map((line) => line.replace('"parentId":null', '"parentId":"e2"'));
    expect(await refusal(written([HEADER, ...cycle, ''].join('\n')))).toMatchObject({
      error: { code: 'file_damaged', message: expect.stringContaining('Line 2 of') as string },
    });
    expect(await refusal(written([HEADER, ''].join('\n')))).toMatchObject({ error: { code: 'file_empty' } });
  });
});
