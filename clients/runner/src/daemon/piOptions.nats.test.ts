import { newId } from '@pizzapi/protocol';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { signalProcess } from '../processes.js';
import { Rig } from '../testing/runnerHarness.js';

let rig: Rig;

beforeAll(async () => {
  rig = await Rig.start();
  await rig.startDaemon();
});

afterAll(async () => {
  await rig.close();
});

/** What the agent hears when it wants a shell, in the epoch of the session's host now. */
async function bashSays(sid: string): Promise<string> {
  const log = await rig.log(sid);
  const commandId = await rig.send('input', { text: '/demo call bash {"command":"echo baked"}' }, sid);
  // A fork begins with the story of its source, in which there are runs of tools as well.
  const input = await log.until((event) => event.type === 'input_received' && event.commandId === commandId);
  const end = await log.until((event) => event.type === 'tool_execution_end' && event.seq > input.seq);
  await log.until((event) => event.type === 'agent_end' && event.seq > end.seq);
  return JSON.stringify(end);
}

const GONE = 'Tool bash not found';

it('a session has the tools that it was started with, in every process that hosts it, and so has a fork', async () => {
  const pi = { tools: ['read', 'ls'], noContextFiles: true };
  const sid = await rig.newSession({ pi });
  expect(await bashSays(sid)).toContain(GONE);
  expect((await rig.record(sid)).pi).toEqual(pi);

  // Asleep with its daemon, and woken by the next one.
  const log = await rig.log(sid);
  await rig.endDaemon('SIGTERM');
  await rig.startDaemon();
  expect(await bashSays(sid)).toContain(GONE);
  expect(log.items.filter(({ type }) => type === 'session_resumed')).toHaveLength(1);

  const before = log.items.length;
  signalProcess((await rig.record(sid)).worker!.pid, 'SIGKILL');
  await log.until((event) => event.type === 'session_resumed', before);
  expect(await bashSays(sid)).toContain(GONE);

  const sessionId = newId('s');
  const forked = await rig.send('fork', { sessionId }, sid);
  expect(await rig.result(sid, forked)).toMatchObject({ ok: true });
  expect(await bashSays(sessionId)).toContain(GONE);
  expect((await rig.record(sessionId)).pi).toEqual(pi);

  const free = await rig.newSession();
  expect(await bashSays(free)).toContain('baked');
  // Six processes, one after another.
}, 120_000);

it('a session asks for what it was started to ask for, in every process that hosts it, and so does a fork', async () => {
  const pi = { approvals: { mode: 'ask' as const, rules: [{ tool: 'ls', decision: 'deny' as const }] } };
  const sid = await rig.newSession({ pi });
  expect((await rig.record(sid)).pi).toEqual(pi);
  const isAsked = async (of: string) => {
    const log = await rig.log(of);
    const commandId = await rig.send('input', { text: '/demo call bash {"command":"touch baked"}' }, of);
    const input = await log.until((event) => event.type === 'input_received' && event.commandId === commandId);
    const asked = await log.until(
      (event) => event.seq > input.seq && ['approval_pending', 'agent_end'].includes(event.type),
    );
    if (asked.type !== 'approval_pending') return false;
    await rig.send('dialog_response', { dialogId: asked.approval.promptId, value: 'deny' }, of);
    await log.until((event) => event.type === 'agent_end' && event.seq > asked.seq);
    return true;
  };
  expect(await isAsked(sid)).toBe(true);
  const log = await rig.log(sid);
  const before = log.items.length;
  signalProcess((await rig.record(sid)).worker!.pid, 'SIGKILL');
  await log.until((event) => event.type === 'session_resumed', before);
  expect(await isAsked(sid)).toBe(true);
  const sessionId = newId('s');
  expect(await rig.result(sid, await rig.send('fork', { sessionId }, sid))).toMatchObject({ ok: true });
  expect(await isAsked(sessionId)).toBe(true);
}, 120_000);

it('what a runner cannot do is refused, and no session is left behind', async () => {
  const refused = async (pi: object) => {
    const sessionId = newId('s');
    const commandId = await rig.send('new_session', { sessionId, model: 'demo/demo', pi });
    const { ok, error } = await rig.runnerResult(commandId);
    expect(ok).toBe(false);
    await expect(rig.record(sessionId)).rejects.toThrow('ENOENT');
    expect((await rig.log(sessionId)).items).toEqual([]);
    return error;
  };
  const unknown = await refused({ tools: ['read', 'raed'] });
  expect(unknown).toMatchObject({ code: 'tool_unknown' });
  expect(unknown!.message).toMatch(/^There is no tool "raed"; there are .*\. Name tools that pi has on the runner/);
  // As a gateway of a later version might send it.
  expect(await refused({ tools: ['read'], skills: ['x'] })).toMatchObject({ code: 'command_invalid' });
  const loose = [{ mode: 'allow' }, { mode: 'ask', forget: true }, { rules: [{ tool: 'bash', decision: 'maybe' }] }];
  for (const approvals of loose) expect(await refused({ approvals })).toMatchObject({ code: 'command_invalid' });
});
