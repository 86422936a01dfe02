import { existsSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { openWriter, ownerOf, spooledEvents, takeNextEpoch } from '@pizzapi/backbone';
import { isSameProcess } from '@pizzapi/process';
import { newId } from '@pizzapi/protocol';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { signalProcess, taggedProcesses } from '../processes.js';
import { Rig, type Logged } from '../testing/runnerHarness.js';
import { spoolDir } from './directLogWriter.js';

let rig: Rig;

beforeAll(async () => {
  rig = await Rig.start();
  await rig.startDaemon({ PIZZAPI_DEMO_SPEED: 'fast' });
});

afterAll(async () => {
  await rig.close();
});

/** Waits for something that no event tells. */
async function until(what: () => Promise<boolean> | boolean): Promise<void> {
  while (!(await what())) await pause(20);
}

/** A shell command that runs until `end` is called, however slow the machine is. */
function untilEnded() {
  const file = join(rig.root, newId());
  return { command: `until [ -e ${file} ]; do sleep 0.1; done`, end: () => writeFile(file, '') };
}

/** A session in the middle of a turn, which goes on when `end` is called. */
async function atWork() {
  const { command, end } = untilEnded();
  const sid = await rig.newSession({ prompt: `/demo call bash ${JSON.stringify({ command })}` });
  const log = await rig.log(sid);
  await log.until((event) => event.type === 'tool_execution_start');
  await until(async () => (await rig.record(sid)).file !== undefined);
  const { worker } = await rig.record(sid);
  return { sid, log, worker, end };
}

/** Waits for the end of a turn that cannot reach the log. */
const spooledEnd = (sid: string) => until(() => spooledEvents(spoolDir(rig.home), sid, ['agent_end']).length > 0);

/** Every event once, its offset rising, its numbers without a hole within each epoch. */
function expectWhole(events: readonly Logged[]): void {
  expect(new Set(events.map(({ msgId }) => msgId)).size).toBe(events.length);
  const last = new Map<number, number>();
  for (const { epochOf, msgId } of events) {
    const n = Number(msgId.split('.')[2]);
    expect(n).toBe((last.get(epochOf) ?? 0) + 1);
    last.set(epochOf, n);
  }
}

const count = (events: readonly Logged[], type: string) => events.filter((event) => event.type === type).length;

describe('when something dies', () => {
  it('a worker that is killed during an answer is replaced, and no event is duplicated and no process is left', async () => {
    // A question keeps the turn open for as long as nobody answers it.
    const sid = await rig.newSession({ prompt: '/demo question confirm' });
    const log = await rig.log(sid);
    await log.until((event) => event.type === 'dialog_opened' && event.method === 'confirm');
    const open = await rig.send('exec', { command: 'sleep 300' }, sid);
    await log.until((event) => event.type === 'tool_execution_start' && event.toolCallId === open);
    await until(async () => (await taggedProcesses(sid)).length > 0);
    const tagged = await taggedProcesses(sid);
    signalProcess((await rig.record(sid)).worker!.pid, 'SIGKILL');
    const resumed = await log.until((event) => event.type === 'session_resumed');
    expect(resumed.epochOf).toBeGreaterThan(log.items[0]!.epochOf);
    expect(await rig.result(sid, open)).toMatchObject({ ok: false, error: { code: 'unknown' } });
    const again = await rig.send('input', { text: '/demo thinking' }, sid);
    expect(await rig.result(sid, again)).toMatchObject({ ok: true });
    await log.until((event) => event.type === 'agent_end' && event.epochOf === resumed.epochOf);
    expectWhole(log.items);
    for (const pid of tagged) expect(await taggedProcesses(sid)).not.toContain(pid);
  });

  it('the next daemon adopts the worker of a daemon that is killed during an answer', async () => {
    const { sid, log, worker, end } = await atWork();
    await rig.endDaemon('SIGKILL');
    const missed = await rig.send('set_name', { name: 'Sent to nobody' }, sid);
    await end();
    await log.until((event) => event.type === 'agent_end');
    await rig.startDaemon({ PIZZAPI_DEMO_SPEED: 'fast' });
    await rig.runnerEvents.until(
      (event) => event.type === 'session_opened' && event.sessionId === sid && event.adopted,
    );
    expect(await rig.result(sid, missed)).toMatchObject({ ok: true });
    expect((await rig.record(sid)).worker).toEqual(worker);
    expect(count(log.items, 'session_resumed')).toBe(0);
    expectWhole(log.items);
  });

  it('a command that a dead daemon had begun is not executed again', async () => {
    const sid = await rig.newSession();
    const log = await rig.log(sid);
    const { command, end } = untilEnded();
    const commandId = await rig.send('exec', { command: `echo once; ${command}` }, sid);
    await log.until((event) => event.type === 'tool_execution_start');
    await rig.endDaemon('SIGKILL');
    await rig.startDaemon({ PIZZAPI_DEMO_SPEED: 'fast' });
    // The new daemon has read the command again when it answers the one behind it.
    const name = await rig.send('set_name', { name: 'Goes on' }, sid);
    expect(await rig.result(sid, name)).toMatchObject({ ok: true });
    await end();
    expect(await rig.result(sid, commandId)).toMatchObject({ ok: true });
    expect(count(log.items, 'tool_execution_start')).toBe(1);
    expect(log.items.filter((event) => event.type === 'command_result' && event.commandId === commandId)).toHaveLength(
      1,
    );
  });

  it('a command that a dead daemon and a dead worker had begun has one result and is not executed again', async () => {
    const sid = await rig.newSession();
    const log = await rig.log(sid);
    const commandId = await rig.send('exec', { command: 'echo once; sleep 300' }, sid);
    await log.until((event) => event.type === 'tool_execution_start');
    const { worker } = await rig.record(sid);
    const dead = rig.endDaemon('SIGKILL');
    signalProcess(worker!.pid, 'SIGKILL');
    await dead;
    await rig.startDaemon({ PIZZAPI_DEMO_SPEED: 'fast' });
    expect(await rig.result(sid, commandId)).toMatchObject({ ok: false, error: { code: 'unknown' } });
    const name = await rig.send('set_name', { name: 'Goes on' }, sid);
    expect(await rig.result(sid, name)).toMatchObject({ ok: true });
    expect(count(log.items, 'tool_execution_start')).toBe(1);
    const results = log.items.filter((event) => event.type === 'command_result' && event.commandId === commandId);
    expect(results).toHaveLength(1);
    expectWhole(log.items);
  });

  it('a command that a dead daemon had taken and passed to no worker is executed by the next daemon', async () => {
    const cwd = join(rig.root, newId());
    const isHeld = join(rig.root, newId());
    const waits = `while (existsSync(${JSON.stringify(isHeld)})) await new Promise((next) => setTimeout(next, 50));`;
    await mkdir(join(cwd, '.pi', 'extensions'), { recursive: true });
    const extension = `import { existsSync } from 'node:fs'; export default async () => { ${waits} };`;
    await writeFile(join(cwd, '.pi', 'extensions', 'wait.ts'), extension);
    const sid = await rig.newSession({ cwd, pi: { approve: true } });
    await rig.endDaemon('SIGTERM');
    await writeFile(isHeld, '');
    await rig.startDaemon({ PIZZAPI_DEMO_SPEED: 'fast' });
    const commandId = await rig.send('exec', { command: 'echo once' }, sid);
    await until(async () => (await rig.record(sid)).worker !== undefined);
    const { worker } = await rig.record(sid);
    await rig.endDaemon('SIGKILL');
    signalProcess(worker!.pid, 'SIGKILL');
    await rm(isHeld);
    await rig.startDaemon({ PIZZAPI_DEMO_SPEED: 'fast' });
    expect(await rig.result(sid, commandId)).toMatchObject({ ok: true });
    expect(count((await rig.log(sid)).items, 'tool_execution_start')).toBe(1);
  });

  it.each(['worker', 'worker and its daemon'])(
    'an input that waits for a working agent is delivered by the next process when the %s died',
    async (what) => {
      const { sid, log, worker } = await atWork();
      const commandId = await rig.send('input', { text: 'And then rest', deliverAs: 'followUp' }, sid);
      expect(await rig.result(sid, commandId)).toMatchObject({ ok: true });
      if (what !== 'worker') await rig.endDaemon('SIGKILL');
      signalProcess(worker!.pid, 'SIGKILL');
      if (what !== 'worker') await rig.startDaemon({ PIZZAPI_DEMO_SPEED: 'fast' });
      const { seq } = await log.until((event) => event.type === 'session_resumed');
      await log.until((event) => event.type === 'input_delivered' && event.commandId === commandId);
      const { message } = (await log.until((event) => event.type === 'message_end' && event.seq > seq)) as {
        message?: unknown;
      };
      expect(JSON.stringify(message)).toContain('And then rest');
      expectWhole(log.items);
    },
  );

  it('commands that arrive while the processes of a dead worker are ended are executed by the next worker', async () => {
    const sid = await rig.newSession();
    const log = await rig.log(sid);
    const swept = join(rig.root, newId());
    // Silent: its worker will be gone, and a word to nobody would end it.
    const stubborn = `exec >/dev/null 2>&1; trap 'touch ${swept}' TERM; while :; do sleep 1; done`;
    await rig.send('exec', { command: stubborn }, sid);
    await log.until((event) => event.type === 'tool_execution_start');
    await until(async () => (await taggedProcesses(sid)).length > 0);
    // Until the next worker is warm: it is there before what the first one left is gone.
    await pause(1_500);
    signalProcess((await rig.record(sid)).worker!.pid, 'SIGKILL');
    // The daemon has seen the death: what it gives to a worker from here on, it may not call unknown.
    await until(async () => existsSync(swept) || (await taggedProcesses(sid)).length === 0);
    for (const name of ['at once', 'when all of it is gone']) {
      const renamed = await rig.send('set_name', { name }, sid);
      expect(await rig.result(sid, renamed)).toMatchObject({ ok: true });
      await until(async () => (await taggedProcesses(sid)).length === 0);
      await pause(200);
    }
    expect(count(log.items, 'session_resumed')).toBe(1);
    expectWhole(log.items);
  });

  it('an answer that is given while the backbone is away is in the log afterwards, complete and in order', async () => {
    const { sid, log, worker, end } = await atWork();
    await rig.nats.kill9();
    await end();
    await spooledEnd(sid);
    await rig.nats.restart();
    await log.until((event) => event.type === 'agent_end');
    expectWhole(log.items);
    expect(count(log.items, 'session_resumed')).toBe(0);
    expect(log.items.filter((event) => event.type === 'message_end').map(({ message }) => message.role)).toEqual([
      'user',
      'assistant',
      'toolResult',
      'assistant',
    ]);
    expect((await rig.record(sid)).worker).toEqual(worker);
  });

  it('a worker that is killed while the backbone is away loses no event', async () => {
    const { sid, log, worker, end } = await atWork();
    await rig.nats.kill9();
    await end();
    await spooledEnd(sid);
    signalProcess(worker!.pid, 'SIGKILL');
    await rig.nats.restart();
    await log.until((event) => event.type === 'session_resumed');
    await log.until((event) => event.type === 'agent_end');
    expectWhole(log.items);
    expect(count(log.items, 'message_end')).toBe(4);
  });

  /**
   * Returns a command that the daemon executes while the backbone is away. The daemon must have the command in its socket when
   * the connection ends. The server sends it after it has confirmed it, so a try can be too early.
   */
  async function commandWithoutBackbone(): Promise<string> {
    for (let tries = 1; ; tries++) {
      signalProcess(rig.daemonPid, 'SIGSTOP');
      const commandId = await rig.send('list_sessions', {});
      await pause(20 * tries);
      await rig.nats.kill9();
      signalProcess(rig.daemonPid, 'SIGCONT');
      const isFinished = (line: string) => line.includes('"finish"') && line.includes(commandId);
      const finished = until(() => readFileSync(rig.home.ledger, 'utf8').split('\n').some(isFinished));
      if (await Promise.race([finished.then(() => true), pause(3_000).then(() => false)])) return commandId;
      await rig.nats.restart();
      await rig.runnerResult(commandId);
    }
  }

  it.each(['SIGKILL', 'SIGTERM'] as const)(
    'the result of a command of the runner is published once by the next daemon when %s ends this one while the backbone is away',
    async (signal) => {
      await rig.runnerResult(await rig.send('list_sessions', {}));
      const commandId = await commandWithoutBackbone();
      await rig.endDaemon(signal);
      await rig.nats.restart();
      await rig.startDaemon({ PIZZAPI_DEMO_SPEED: 'fast' });
      expect(await rig.runnerResult(commandId)).toMatchObject({ ok: true });
      // Results are published in order: after this one, no other result of the first command can follow.
      await rig.runnerResult(await rig.send('list_sessions', {}));
      const results = rig.runnerEvents.items.filter(
        (event) => event.type === 'command_result' && event.commandId === commandId,
      );
      expect(results).toHaveLength(1);
    },
  );

  it('a session whose worker dies again and again ends with an error', async () => {
    const sid = await rig.newSession();
    const log = await rig.log(sid);
    for (let crash = 1; crash <= 4; crash++) {
      await until(async () => (await rig.record(sid)).worker !== undefined);
      const { worker } = await rig.record(sid);
      signalProcess(worker!.pid, 'SIGKILL');
      if (crash < 4) await until(() => count(log.items, 'session_resumed') === crash);
      await until(async () => !(await isSameProcess(worker!.pid, worker!.start)));
    }
    expect(await log.until((event) => event.type === 'session_ended')).toMatchObject({ reason: 'error' });
  });
});

describe('ending', () => {
  it('a killed session leaves no process behind', async () => {
    const sid = await rig.newSession();
    const log = await rig.log(sid);
    const exec = await rig.send('exec', { command: '(setsid sleep 300 &) ; nohup sleep 300 & sleep 300' }, sid);
    await log.until((event) => event.type === 'tool_execution_start');
    await until(async () => (await taggedProcesses(sid)).length >= 3);
    const { worker } = await rig.record(sid);
    const kill = await rig.send('kill_session', {}, sid);
    expect(await rig.result(sid, kill)).toMatchObject({ ok: true, name: 'kill_session' });
    expect(await log.until((event) => event.type === 'session_ended')).toMatchObject({ reason: 'killed' });
    expect(await taggedProcesses(sid)).toEqual([]);
    await rig.runnerEvents.until((event) => event.type === 'session_closed' && event.sessionId === sid);
    expect(await isSameProcess(worker!.pid, worker!.start)).toBe(false);
    expect(log.items.filter((event) => event.type === 'command_result' && event.commandId === exec)).toHaveLength(1);
    expect(log.items.at(-1)!.type).toBe('session_ended');
    const late = await rig.send('input', { text: 'hello?' }, sid);
    expect(await rig.result(sid, late)).toMatchObject({ error: { code: 'session_ended' } });
  });

  it('a session is suspended while its runner is down, and wakes with its history at the next command', async () => {
    const sid = await rig.newSession({ prompt: '/demo thinking' });
    const log = await rig.log(sid);
    await log.until((event) => event.type === 'agent_end');
    const { worker } = await rig.record(sid);
    expect(await rig.endDaemon('SIGTERM')).toBe(0);
    expect(await isSameProcess(worker!.pid, worker!.start)).toBe(false);
    await rig.startDaemon({ PIZZAPI_DEMO_SPEED: 'fast' });
    expect((await rig.record(sid)).worker).toBeUndefined();
    expect(count(log.items, 'session_ended')).toBe(0);
    const input = await rig.send('input', { text: '/demo thinking' }, sid);
    expect(await rig.result(sid, input)).toMatchObject({ ok: true });
    expect(count(log.items, 'session_resumed')).toBe(1);
    await until(() => count(log.items, 'agent_end') === 2);
    expect((await rig.record(sid)).file).toBeDefined();
    expectWhole(log.items);
  });

  it('a restart of the daemon keeps every worker', async () => {
    const sid = await rig.newSession();
    const { worker } = await rig.record(sid);
    const from = rig.runnerEvents.items.length;
    const restart = await rig.send('restart', {});
    expect(await rig.runnerResult(restart)).toMatchObject({ ok: true });
    await rig.runnerEvents.until((event) => event.type === 'session_opened' && event.sessionId === sid, from);
    const name = await rig.send('set_name', { name: 'Still here' }, sid);
    expect(await rig.result(sid, name)).toMatchObject({ ok: true });
    expect((await rig.record(sid)).worker).toEqual(worker);
  });
});

describe('a session that was given up', () => {
  /** What the reaper does when the host of a session is gone for too long. */
  async function giveUp(sid: string): Promise<number> {
    const owner = await ownerOf(rig.backbone, sid);
    const taken = await takeNextEpoch(rig.backbone, sid, owner!.epoch);
    if (taken.kind !== 'granted') throw new Error(taken.kind);
    const spoolDir = await mkdtemp(join(tmpdir(), 'pizzapi-reaper-'));
    const writer = await openWriter(rig.backbone, { sid, epoch: taken.epoch, spoolDir });
    await writer.append({ type: 'session_ended', at: Date.now(), reason: 'host_lost' });
    await writer.close();
    await rm(spoolDir, { recursive: true });
    return taken.epoch;
  }

  it('that was suspended on a host that was away appends session_resumed', async () => {
    const sid = await rig.newSession();
    const log = await rig.log(sid);
    await rig.endDaemon('SIGTERM');
    await giveUp(sid);
    await log.until((event) => event.type === 'session_ended');
    await rig.startDaemon({ PIZZAPI_DEMO_SPEED: 'fast' });
    await log.until((event) => event.type === 'session_resumed');
    expectWhole(log.items);
  });

  it('whose events are in the spool of a dead host appends them once when that host is back', async () => {
    const { sid, log, worker, end } = await atWork();
    await rig.nats.kill9();
    await end();
    await spooledEnd(sid);
    await rig.endDaemon('SIGKILL');
    signalProcess(worker!.pid, 'SIGKILL');
    await rig.nats.restart();
    const epoch = await giveUp(sid);
    await rig.startDaemon({ PIZZAPI_DEMO_SPEED: 'fast' });
    const resumed = await log.until((event) => event.type === 'session_resumed');
    expect(resumed.epochOf).toBeGreaterThan(epoch);
    await until(() => count(log.items, 'message_end') >= 4);
    expect(count(log.items, 'message_end')).toBe(4);
    expectWhole(log.items);
  });

  it('whose worker was only disconnected continues under a new epoch, with all its events', async () => {
    const sid = await rig.newSession();
    const log = await rig.log(sid);
    const { worker } = await rig.record(sid);
    const epoch = await giveUp(sid);
    await rig.send('exec', { command: 'echo after' }, sid);
    const resumed = await log.until((event) => event.type === 'session_resumed');
    expect(resumed.epochOf).toBeGreaterThan(epoch);
    await log.until((event) => event.type === 'tool_execution_start' && event.epochOf === resumed.epochOf);
    expect(await isSameProcess(worker!.pid, worker!.start)).toBe(false);
    expectWhole(log.items);
  });

  it('answers each command that arrives while its worker is replaced, once', async () => {
    const sid = await rig.newSession();
    const log = await rig.log(sid);
    await giveUp(sid);
    const sent: string[] = [];
    for (let i = 0; i < 40; i++) {
      sent.push(await rig.send('set_name', { name: `Name ${i}` }, sid));
      await pause(10);
    }
    for (const commandId of sent) await rig.result(sid, commandId);
    const results = log.items.flatMap((event) => (event.type === 'command_result' ? [event.commandId] : []));
    expect(results.filter((id) => sent.includes(id)).toSorted()).toEqual(sent.toSorted());
    expectWhole(log.items);
  });
});
