import { mkdtempSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startSecuredNats, type SecuredNats } from '@pizzapi/authenticator/testing';
import { readLease, sendCommand } from '@pizzapi/backbone';
import { silentLogger } from '@pizzapi/process';
import {
  createTranscript,
  foldTranscript,
  newId,
  OWNER_ID,
  type Author,
  type Command,
  type CommandName,
} from '@pizzapi/protocol';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { bundledPi, describeInstallation, describeLoadedPi, processHost } from '../installation/index.js';
import { openTestTerminal, type TestTerminal } from '../pi/tui/testKit.js';
import { SessionLogs } from '../testing/logs.js';
import { TerminalHost, type HostEnd } from './host.js';

let secured: SecuredNats;
let token: string;
let logs: SessionLogs;
let home: string;
let terminal: TestTerminal;
let host: TerminalHost;
let over: HostEnd[];

beforeAll(async () => {
  vi.stubEnv('PIZZAPI_DEMO_SPEED', 'instant');
  secured = await startSecuredNats();
  token = await secured.newRunnerToken(OWNER_ID);
  logs = new SessionLogs(secured.admin);
  logs.watchRunners();
});
afterAll(async () => {
  await logs.close();
  await secured.stop();
  vi.unstubAllEnvs();
});

beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), 'pizzapi-tui-'));
  over = [];
  terminal = await openTestTerminal();
});
afterEach(async () => {
  await host.end();
  await terminal.close();
  await rm(home, { recursive: true, force: true });
});

const INSTALLATION = bundledPi(processHost());
const PI = {
  runner: describeInstallation(INSTALLATION),
  session: describeLoadedPi({ ...INSTALLATION, node: INSTALLATION.node.version }),
};

async function share(): Promise<string> {
  host = await TerminalHost.begin(
    {
      access: { natsUrl: secured.nats.url, token },
      ...{ home, version: '1', agent: terminal.session, log: silentLogger, pi: PI },
      onChange: () => undefined,
      onOver: (why) => over.push(why),
    },
    AbortSignal.timeout(20_000),
  );
  return host.sid;
}

const ADA: Author = { userId: OWNER_ID, via: 'owner', name: 'Ada' };
const BOB: Author = { userId: 'guest_sh_1', via: 'collab', name: 'Bob' };

async function send<N extends CommandName>(
  rid: string,
  name: N,
  args: Extract<Command, { name: N }>['args'],
  sessionId?: string,
  by: Author = ADA,
): Promise<string> {
  const at = Date.now();
  const commandId = newId('c');
  const command = { commandId, name, args, by, at, expiresAt: at + 60_000, ...(sessionId ? { sessionId } : {}) };
  await sendCommand(secured.admin, rid, command as Command);
  return commandId;
}

describe('a terminal that shares its session', () => {
  it('is a host like any other: kind tui, leases, the story from its beginning, then what happens', async () => {
    await terminal.say('Before');
    const sid = await share();
    const log = await logs.of(sid);
    const started = await log.until((event) => event.type === 'session_started');
    const { runnerId } = started;
    expect(await logs.runners.until((event) => event.type === 'runner_started')).toMatchObject({
      kind: 'tui',
      maxSessions: 1,
      defaultModel: 'demo/demo',
    });
    // The first event waits for the lease for a second only.
    await expect.poll(() => readLease(secured.admin, `session.${sid}`)).toBeDefined();
    expect(await readLease(secured.admin, `runner.${runnerId}`)).toBeDefined();
    await terminal.say('/demo thinking');
    await log.until((event) => event.type === 'agent_end');
    await host.end();
    await log.until((event) => event.type === 'session_ended');
    expect(log.items.at(-1)).toMatchObject({ type: 'session_ended', reason: 'completed' });
    const transcript = foldTranscript(
      createTranscript(),
      log.items.map((event) => [event.seq, event] as const),
    );
    const users = transcript.items.filter((item) => item.kind === 'message' && item.role === 'user');
    expect(users).toMatchObject([
      { blocks: [{ text: 'Before' }] },
      { blocks: [{ text: '/demo thinking' }], by: { via: 'terminal', userId: OWNER_ID } },
    ]);
    expect(await readLease(secured.admin, `session.${sid}`)).toBeUndefined();
    expect(await readLease(secured.admin, `runner.${runnerId}`)).toBeUndefined();
    expect(await readdir(join(home, 'tui', '1', 'sessions'))).toEqual([]);
  });

  it('carries commands out with receipts, and refuses what a terminal does not do', async () => {
    const sid = await share();
    const log = await logs.of(sid);
    const started = await log.until((event) => event.type === 'session_started');
    const { runnerId } = started;
    const input = await send(runnerId, 'input', { text: '/demo thinking' }, sid, BOB);
    await log.until((event) => event.type === 'command_result' && event.commandId === input);
    await log.until((event) => event.type === 'agent_end');
    const receipts = log.items.filter((event) => 'commandId' in event && event.commandId === input);
    expect(receipts.map(({ type }) => type).sort()).toEqual(['command_result', 'input_delivered', 'input_received']);
    expect(terminal.introduced).toMatchObject([{ name: 'Bob', via: 'collab' }]);

    const forked = await send(runnerId, 'fork', { sessionId: newId('s') }, sid);
    const answer = await log.until((event) => event.type === 'command_result' && event.commandId === forked);
    expect(answer).toMatchObject({ ok: false, error: { code: 'command_unknown' } });
    const started2 = await send(runnerId, 'new_session', { sessionId: newId('s') });
    const refused = await logs.runners.until(
      (event) => event.type === 'command_result' && event.commandId === started2,
    );
    expect(refused).toMatchObject({ ok: false, error: { code: 'runner_is_a_terminal' } });
    const elsewhere = await send(runnerId, 'abort', {}, newId('s'));
    const unknown = await logs.runners.until(
      (event) => event.type === 'command_result' && event.commandId === elsewhere,
    );
    expect(unknown).toMatchObject({ ok: false, error: { code: 'session_not_found' } });
  });

  it('refuses a guest whatever is not theirs to do, although a gateway has let it through', async () => {
    const sid = await share();
    const log = await logs.of(sid);
    const { runnerId } = await log.until((event) => event.type === 'session_started');
    const ids = [
      await send(runnerId, 'kill_session', {}, sid, BOB),
      await send(runnerId, 'exec', { command: 'id' }, sid, BOB),
      await send(runnerId, 'set_name', { name: 'mine' }, sid, BOB),
      await send(runnerId, 'fork', { sessionId: newId('s') }, sid, BOB),
      await send(runnerId, 'attach_session', {}, sid, BOB),
    ];
    for (const id of ids) {
      const answer = await log.until((event) => event.type === 'command_result' && event.commandId === id);
      expect(answer).toMatchObject({ ok: false, error: { code: 'forbidden' } });
    }
    expect(over).toEqual([]);
  });

  it('stops what the agent does for a guest when it is not shared any more, and not what the person does', async () => {
    vi.stubEnv('PIZZAPI_DEMO_SPEED', '20');
    const sid = await share();
    const log = await logs.of(sid);
    const { runnerId } = await log.until((event) => event.type === 'session_started');
    await send(runnerId, 'input', { text: '/demo thinking' }, sid, BOB);
    await log.until((event) => event.type === 'guests_at_work');
    await log.until((event) => event.type === 'message_start' && event.role === 'assistant');
    await host.end();
    expect(terminal.session.state().isStreaming).toBe(false);

    await share();
    const own = terminal.say('/demo thinking');
    await expect.poll(() => terminal.session.state().isStreaming).toBe(true);
    await host.end();
    expect(terminal.session.state().isStreaming).toBe(true);
    await terminal.session.abort();
    await own;
    vi.stubEnv('PIZZAPI_DEMO_SPEED', 'instant');
  });

  it('ends its session when somebody kills it, says who, and can share the same agent anew', async () => {
    const sid = await share();
    const log = await logs.of(sid);
    const started = await log.until((event) => event.type === 'session_started');
    const { runnerId } = started;
    await send(runnerId, 'kill_session', {}, sid);
    expect(await log.until((event) => event.type === 'session_ended')).toMatchObject({ reason: 'killed' });
    await expect.poll(() => over).toMatchObject([{ kind: 'killed', by: { name: 'Ada' } }]);
    await terminal.say('Only here');
    const again = await share();
    expect(again).not.toBe(sid);
    const second = await logs.of(again);
    await second.until((event) => event.type === 'message_end');
    expect(log.items.some((event) => event.type === 'message_end')).toBe(false);
  });
});
