import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { requestRpc } from '@pizzapi/backbone';
import { decode, encode, newId, subjects, type RpcVerb } from '@pizzapi/protocol';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeInstallation, requirePi } from '../installation/index.js';
import { Rig } from '../testing/runnerHarness.js';

let rig: Rig;

beforeAll(async () => {
  rig = await Rig.start();
  await writeSkill('bake', 'Bakes');
  await rig.startDaemon({ PIZZAPI_ALLOW: 'sessions' });
});

/** Gives the person's pi a skill, and returns how the runner announces it. */
async function writeSkill(name: string, description: string): Promise<object> {
  const folder = join(rig.folder, 'agent', 'skills', name);
  await mkdir(folder, { recursive: true });
  const filePath = join(folder, 'SKILL.md');
  await writeFile(filePath, `---\nname: ${name}\ndescription: ${description}\n---\nDo it.\n`);
  return { name, description, filePath };
}

afterAll(async () => {
  await rig.close();
});

const types = (events: readonly { type: string }[]) => events.map(({ type }) => type);

describe('a runner', () => {
  it('registers with its models, roots and limits', async () => {
    const [started] = rig.runnerEvents.items;
    expect(started).toMatchObject({ type: 'runner_started', name: 'rig', kind: 'daemon', roots: [rig.root] });
    expect(started).toMatchObject({ defaultModel: 'demo/demo', maxSessions: 16, allow: ['sessions'] });
    // The pi that PIZZAPI_PI names; the tests set it.
    const { installation } = await requirePi();
    expect(started).toMatchObject({ piVersion: installation.version, pi: describeInstallation(installation) });
  });

  it('announces the skills that pi loads, at its start and when one was added', async () => {
    const bake = await writeSkill('bake', 'Bakes');
    const { runnerEvents, runnerId, backbone } = rig;
    const ours = (event: object | undefined) =>
      ((event as { skills?: { filePath: string }[] } | undefined)?.skills ?? []).filter(({ filePath }) =>
        filePath.startsWith(rig.folder),
      );
    expect(ours(runnerEvents.items[0])).toEqual([bake]);
    expect(runnerEvents.items[0]).toMatchObject({ agents: [], plugins: [] });
    const slice = await writeSkill('slice', 'Slices');
    // A list of models makes the runner look at pi's files now.
    await requestRpc(backbone, subjects.runnerRpc(runnerId, 'models'), encode({}), { timeoutMs: 20_000 });
    const changed = await runnerEvents.until((event) => event.type === 'resources_changed');
    expect(ours(changed)).toEqual(expect.arrayContaining([bake, slice]));
  });

  it('starts a session, prompts the agent and writes the whole turn in order', async () => {
    const sid = newId('s');
    const commandId = await rig.send('new_session', {
      sessionId: sid,
      model: 'demo/demo',
      name: 'First',
      prompt: '/demo thinking',
    });
    const log = await rig.log(sid);
    await log.until((event) => event.type === 'agent_end');
    const seen = types(log.items);
    expect(seen[0]).toBe('session_started');
    const turn = [
      'input_received',
      'agent_start',
      'turn_start',
      'message_start',
      'input_delivered',
      'message_end',
      'turn_end',
      'agent_end',
    ];
    const positions = turn.map((type) => seen.indexOf(type));
    expect(positions).toEqual([...positions].sort((a, b) => a - b));
    expect(positions).not.toContain(-1);
    expect(log.items[0]).toMatchObject({ name: 'First', model: 'demo/demo', cwd: rig.root, userId: 'owner' });
    expect(await rig.runnerResult(commandId)).toMatchObject({ ok: true, result: { sessionId: sid } });
    expect(new Set(log.items.map(({ msgId }) => msgId)).size).toBe(log.items.length);
  });

  it('carries a command out once, however often it comes', async () => {
    const sid = await rig.newSession();
    const input = { text: '/demo thinking' };
    const commandId = await rig.send('input', input, sid);
    expect(await rig.result(sid, commandId)).toMatchObject({ ok: true, name: 'input' });
    const log = await rig.log(sid);
    await log.until((event) => event.type === 'agent_end');
    // The same command under another message id: the stream takes it, the ledger knows it.
    await rig.sendAgain('input', input, sid, commandId);
    const after = await rig.send('set_name', { name: 'Afterwards' }, sid);
    await rig.result(sid, after);
    expect(log.items.filter((event) => event.type === 'input_received')).toHaveLength(1);
    expect(log.items.filter((event) => event.type === 'command_result' && event.commandId === commandId)).toHaveLength(
      1,
    );
  });

  it('answers an expired command without doing it', async () => {
    const sid = await rig.newSession();
    const commandId = await rig.send('set_name', { name: 'Too late' }, sid, { expiresAt: Date.now() - 1 });
    expect(await rig.result(sid, commandId)).toMatchObject({ ok: false, error: { code: 'command_expired' } });
    const log = await rig.log(sid);
    expect(types(log.items)).not.toContain('session_info_changed');
  });

  it('refuses folders, models and files it cannot use, and leaves nothing behind', async () => {
    const outside = await mkdtemp(join(tmpdir(), 'pizzapi-outside-'));
    await writeFile(join(rig.root, 'file.txt'), 'x');
    const refusals = [
      [{ cwd: join(rig.root, 'nowhere') }, 'cwd_not_found'],
      [{ cwd: join(rig.root, 'file.txt') }, 'cwd_not_a_folder'],
      [{ cwd: outside }, 'cwd_outside_roots'],
      [{ model: 'demo/other' }, 'model_unknown'],
      [{ resumedFrom: join(rig.root, 'nothing.jsonl') }, 'file_not_found'],
      [{ resumedFrom: join(rig.root, 'file.txt') }, 'file_invalid'],
    ] as const;
    for (const [args, code] of refusals) {
      const sessionId = newId('s');
      const commandId = await rig.send('new_session', { sessionId, model: 'demo/demo', ...args });
      expect(await rig.runnerResult(commandId)).toMatchObject({ ok: false, error: { code } });
      await expect(rig.record(sessionId)).rejects.toThrow('ENOENT');
    }
    await rm(outside, { recursive: true });
  });

  it('answers for sessions it does not have, and for what is no command', async () => {
    const commandId = await rig.send('input', { text: 'hello' }, 'nobody');
    expect(await rig.runnerResult(commandId)).toMatchObject({ error: { code: 'session_not_found' } });
    const poison = await rig.send('input', { text: 5 } as never, 'nobody');
    expect(await rig.runnerResult(poison)).toMatchObject({ error: { code: 'command_invalid' } });
  });

  it('answers a dialog with the first valid response and tells the later ones', async () => {
    const sid = await rig.newSession({ prompt: '/demo question confirm' });
    const log = await rig.log(sid);
    const opened = await log.until((event) => event.type === 'dialog_opened' && event.method === 'confirm');
    const { dialogId } = opened as { dialogId: string };
    const wrong = await rig.send('dialog_response', { dialogId, value: 'maybe' }, sid);
    expect(await rig.result(sid, wrong)).toMatchObject({ error: { code: 'dialog_invalid_answer' } });
    const right = await rig.send('dialog_response', { dialogId, value: true }, sid);
    expect(await rig.result(sid, right)).toMatchObject({ ok: true });
    const late = await rig.send('dialog_response', { dialogId, value: false }, sid);
    expect(await rig.result(sid, late)).toMatchObject({ error: { code: 'dialog_late' } });
    await log.until((event) => event.type === 'agent_end');
  });

  it('forks a session with its story into a new one', async () => {
    const source = await rig.newSession({ prompt: '/demo thinking' });
    await (await rig.log(source)).until((event) => event.type === 'agent_end');
    const sessionId = newId('s');
    const commandId = await rig.send('fork', { sessionId }, source);
    expect(await rig.result(source, commandId)).toMatchObject({ ok: true, result: { sessionId } });
    const log = await rig.log(sessionId);
    await log.until((event) => event.type === 'auth_source_changed');
    expect(log.items[0]).toMatchObject({ type: 'session_started', forkedFrom: { sessionId: source } });
    const texts = log.items.filter((event) => event.type === 'message_end').map(({ message }) => message.role);
    expect(texts).toEqual(['user', 'assistant']);
  });

  it('tells folders inside its roots, its models and its status', async () => {
    const ask = async (verb: RpcVerb, body: object) => {
      const answer = await requestRpc(rig.backbone, subjects.runnerRpc(rig.runnerId, verb), encode(body), {
        timeoutMs: 30_000,
      });
      return answer.kind === 'ok' ? decode(answer.body) : answer;
    };
    // It answers a moment after it has registered.
    await expect
      .poll(() => ask('folders', { path: `${rig.root}/pro` }), { timeout: 20_000 })
      .toEqual({ folders: [join(rig.root, 'project')] });
    expect(await ask('folders', { path: '/etc/' })).toEqual({ folders: [] });
    expect(await ask('models', {})).toMatchObject({ defaultModel: 'demo/demo' });
    expect(await ask('status', {})).toMatchObject({ runnerId: rig.runnerId, name: 'rig' });
    expect(await ask('exec', { argv: ['true'] })).toMatchObject({ error: { code: 'right_missing' } });
    const from = rig.runnerEvents.items.length;
    expect(await ask('restart', {})).toEqual({});
    await rig.runnerEvents.until((event) => event.type === 'runner_started', from);
  });
});
