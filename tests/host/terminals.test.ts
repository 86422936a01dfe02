import { createApi, openTerminal, type ApiResult, type TerminalConnection } from '@pizzapi/session-client';
import type { MethodReply, MethodRequest, RunnerMethod, TerminalInfo } from '@pizzapi/protocol';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { CLI, runCli } from '../support/cli.js';
import { startLocalStack, type LocalStack } from '../support/localStack.js';
import { childOf, processes, taggedWith } from '../support/processes.js';
import { startTmux, type Tmux } from '../support/tmux.js';
import { until } from '../support/until.js';

let stack: LocalStack;
let tmux: Tmux;
let rid: string;
beforeAll(async () => {
  tmux = startTmux({ columns: 100, rows: 30 });
  stack = await startLocalStack({ SHELL: '/bin/sh', PS1: '$ ', ENV: '' });
  rid = await until('the runner is online', async () => {
    const { runners } = await value(api().runners());
    return runners.find(({ online }) => online)?.runnerId;
  });
}, 120_000);
afterAll(async () => {
  tmux.kill();
  for (const { terminalId } of await list()) await call('kill_terminal', { terminalId });
  await stack.clear();
});

const api = () => createApi({ url: stack.url, token: stack.token });
async function value<T>(asked: Promise<ApiResult<T>>): Promise<T> {
  const result = await asked;
  if (result.kind === 'failed') throw new Error(`${result.error.code}: ${result.error.message}`);
  return result.value;
}
const call = <M extends RunnerMethod>(method: M, request: MethodRequest<M>): Promise<MethodReply<M>> =>
  value(api().runnerCall(rid, method, request));
const list = async (): Promise<TerminalInfo[]> => (await call('list_terminals', {})).terminals;
const open = async (name = 'test') => (await call('new_terminal', { cols: 80, rows: 24, name })).terminalId;

/** A client that keeps all that it is shown. */
class Screen {
  readonly terminal: TerminalConnection;
  bytes: Uint8Array[] = [];

  constructor(
    readonly terminalId: string,
    options: { viewer?: string; after?: number; protocol?: 'json' | 'msgpack'; label?: string } = {},
  ) {
    this.terminal = openTerminal({ url: stack.url, token: stack.token, terminalId, WebSocket, ...options });
    this.terminal.onData((bytes, taken) => {
      this.bytes.push(bytes.slice());
      taken();
    });
    this.terminal.onReset(() => (this.bytes = []));
  }

  get text(): string {
    return Buffer.concat(this.bytes).toString();
  }

  async live(): Promise<this> {
    await until('the terminal is live', () => this.terminal.connection.state.kind === 'live');
    return this;
  }

  /** Types a line, and waits for what it prints. `printed` must not be in the line itself. */
  async run(line: string, printed: string | RegExp): Promise<void> {
    expect(this.terminal.input(`${line}\r`)).toBe(true);
    await this.shows(printed);
  }

  shows(what: string | RegExp): Promise<unknown> {
    return until(`the terminal shows ${String(what)}`, () =>
      typeof what === 'string' ? this.text.includes(what) : what.test(this.text),
    );
  }
}

describe('a terminal of a host', () => {
  it('shows a shell in both subprotocols, each byte the same, and continues exactly where a client was', async () => {
    const terminalId = await open();
    const a = await new Screen(terminalId, { viewer: 'a' }).live();
    await a.run('echo $((6 * 7))é', '42é');
    const json = await new Screen(terminalId, { viewer: 'j', protocol: 'json' }).live();
    expect(json.text).toBe(a.text);
    const at = a.terminal.position;
    a.terminal.close();
    json.terminal.takeKeyboard();
    await until('the keyboard is taken', () => json.terminal.hasKeyboard);
    // A program with the whole screen, which continues while the first client is away.
    await json.run("printf '\\033[?1049h\\033[HFU''LL'; read x; printf '\\033[?1049lD''ONE\\n'", 'FULL');
    const again = await new Screen(terminalId, { viewer: 'a', after: at }).live();
    expect(a.text + again.text).toBe(json.text);
    await json.run('', 'DONE');
    await again.shows('DONE');
    expect(a.text + again.text).toBe(json.text);
    // What is there already is not sent again.
    expect(again.text).not.toContain('42');
    await json.run('exit 3', /exit 3/);
    await until('both learn how it ended', () => json.terminal.exit !== undefined && again.terminal.exit !== undefined);
    expect(json.terminal.exit).toEqual({ code: 3, signal: null });
    expect(json.terminal.connection.state).toEqual({ kind: 'closed' });
  });

  it('has one writer at a time, who is named, and whom another viewer replaces', async () => {
    const terminalId = await open();
    const desk = await new Screen(terminalId, { viewer: 'desk', label: 'desk' }).live();
    const phone = await new Screen(terminalId, { viewer: 'phone', label: 'phone' }).live();
    desk.terminal.resize(90, 30);
    await until('the phone sees who writes', () => phone.terminal.view?.cols === 90);
    expect(phone.terminal.view).toMatchObject({ rows: 30, writer: { viewer: 'desk', name: 'Owner (desk)' } });
    phone.terminal.input('echo st""olen\r');
    await until('it is refused', () => phone.terminal.problem?.code === 'keyboard_taken');
    phone.terminal.takeKeyboard();
    await until('the desk sees it', () => desk.terminal.view?.writer?.viewer === 'phone');
    phone.terminal.resize(40, 20);
    await phone.run('stty size', '20 40');
    desk.terminal.input('echo st""olen\r');
    await until('the desk is refused', () => desk.terminal.problem?.code === 'keyboard_taken');
    expect(phone.text).not.toContain('stolen');
    // A program without a WebSocket waits too.
    await expect(call('terminal_input', { terminalId, bytes: btoa('x') })).rejects.toThrow('keyboard_taken');
    const rows = await auditRows();
    const takes = rows.filter(({ method, target }) => method === 'take_keyboard' && target === terminalId);
    expect(takes.map(({ userId }) => userId)).toEqual(['owner', 'owner']);
    expect(rows.some(({ method }) => method === 'new_terminal')).toBe(true);
    expect(JSON.stringify(rows)).not.toMatch(/stolen|stty/);
    await call('rename_terminal', { terminalId, name: 'build' });
    await until('it is renamed', () => desk.terminal.view?.name === 'build');
    for (const { terminal } of [desk, phone]) terminal.close();
  });

  it('survives its daemon, killed, and nats-server, restarted: the same shell with the same screen', async () => {
    const terminalId = await open();
    const screen = await new Screen(terminalId, { viewer: 'a' }).live();
    await screen.run('kept=$$; echo "is $kept"', /is \d+/);
    const shell = /is (\d+)/.exec(screen.text)![1]!;
    // It prints while no daemon is there.
    await screen.run('(sleep 1; for i in 1 2 3; do echo "count $i"; sleep 0.3; done) & echo st""arted', 'started');
    process.kill(childOf(stack.pid, 'runner/dist/bundle/main.js'), 'SIGKILL');
    await screen.shows('count 3');
    await screen.run('echo "still $kept $$"', `still ${shell} ${shell}`);
    process.kill(childOf(stack.pid, 'nats-server'), 'SIGKILL');
    await until(
      'it answers again',
      async () => {
        screen.terminal.input('echo "after $$"\r');
        return screen.text.includes(`after ${shell}`);
      },
      60_000,
    );
    const whole = await new Screen(terminalId, { viewer: 'b' }).live();
    expect(whole.text.slice(0, screen.text.length)).toBe(screen.text.slice(0, whole.text.length));
    for (const { terminal } of [screen, whole]) terminal.close();
  }, 120_000);

  it('is interrupted in a flood, keeps the end of it, and says what it no longer has', async () => {
    const terminalId = await open();
    const screen = await new Screen(terminalId).live();
    screen.terminal.input('yes\r');
    await until('much has come', () => screen.terminal.position > 3_000_000);
    screen.terminal.input('\x03');
    await screen.run('echo end of f""lood', 'end of flood');
    const late = new Screen(terminalId, { after: 5 });
    let first = 0;
    late.terminal.onReset((at) => (first = at));
    await late.live();
    expect(first).toBeGreaterThan(1_000_000);
    expect(screen.text.endsWith(late.text)).toBe(true);
    const { bytes, n } = await call('terminal_output', { terminalId, after: late.terminal.position - 20 });
    expect([n, atob(bytes)]).toEqual([late.terminal.position, late.text.slice(-20)]);
    for (const { terminal } of [screen, late]) terminal.close();
  }, 60_000);

  it('ends with all that it has started', async () => {
    const terminalId = await open();
    const screen = await new Screen(terminalId).live();
    await screen.run('sleep 987 & (setsid sleep 988 &); env -i sleep 989 & echo st""arted', 'started');
    await until('they run', () => processes().filter(({ command }) => /^sleep 98[789]$/.test(command)).length === 3);
    screen.terminal.kill();
    await until('it has ended', () => screen.terminal.exit !== undefined);
    await until('nothing is left', () => taggedWith(terminalId).length === 0);
    // Also what has another environment.
    expect(processes().filter(({ command }) => /^sleep 98[789]$/.test(command))).toEqual([]);
    await until('it is not listed', async () => (await list()).every((one) => one.terminalId !== terminalId));
    const gone = new Screen(terminalId);
    await until('it is said to be gone', () => gone.terminal.problem?.code === 'terminal_unknown');
    await until('it does not try again', () => gone.terminal.connection.state.kind === 'closed');
  });

  it('refuses what no client would send, and stays as it is', async () => {
    const terminalId = await open();
    const screen = await new Screen(terminalId).live();
    const frames = [
      { type: 'terminal_input', bytes: 'x' },
      { type: 'terminal_input', bytes: btoa('x'.repeat(70_000)) },
      { type: 'terminal_resize', cols: 1e9, rows: 1 },
      { type: 'terminal_resize', cols: 0, rows: 1 },
      { type: 'terminal_taken', n: -1 },
      { type: 'resume', after: 0, viewer: 'a b' },
    ];
    for (const frame of frames) expect(await answerTo(terminalId, frame)).toMatchObject({ code: 'bad_frame' });
    // Not before `resume`, whatever it is.
    expect(await answerTo(terminalId, { type: 'kill_terminal' })).toMatchObject({ code: 'bad_frame' });
    const input = { terminalId, bytes: btoa('echo st""olen\r'), viewer: 'unknown' };
    await expect(call('terminal_input', input)).rejects.toThrow('keyboard_taken');
    const foreign = `t_aaaaaaaaaaaa_${rid}`;
    await expect(call('terminal_output', { terminalId: foreign })).rejects.toThrow('terminal_unknown');
    await expect(call('new_terminal', { cols: 80, rows: 24, cwd: '/' })).rejects.toThrow('cwd_outside_roots');
    const internal = await fetch(`${stack.url}/api/runners/${rid}/rpc/watch_terminal`, {
      method: 'POST',
      headers: { authorization: `Bearer ${stack.token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ terminalId, gateway: 'g', viewers: [] }),
    });
    expect(internal.status).toBe(404);
    await screen.run('echo f""ine', 'fine');
    expect(screen.text).not.toContain('stolen');
    screen.terminal.close();
  });
});

describe('pizzapi terminal', () => {
  const shown = (...args: string[]) =>
    tmux.open([process.execPath, CLI, 'terminal', ...args], environment(), stack.project);
  const environment = () => ({ PIZZAPI_HOME: stack.home });

  it('opens a shell, leaves it by ~. and shows it again, with the exit code of the shell', async () => {
    const window = shown(rid, '--cwd', stack.project, '--name', 'from here');
    await window.shows(/[$#]\s*$/m);
    window.type('pwd; stty size; mark=here');
    window.press('Enter');
    await window.shows('30 100');
    expect(window.text()).toContain(stack.project);
    window.type('~.');
    await window.shows('exit 0');
    const terminalId = /--attach (t_\S+)/.exec(window.text())![1]!;
    const listed = await runCli(stack, 'terminal', rid, '--list');
    expect(listed.stdout).toMatch(new RegExp(`^${terminalId} +from here +${stack.project}`, 'm'));
    const again = shown('--attach', terminalId);
    await again.shows('30 100');
    again.type('echo "was $mark"; exit 7');
    again.press('Enter');
    await again.shows('exit 7');
    expect(again.text()).toContain('was here');
  });

  it('says what to do without a terminal, and for a text that is no id', async () => {
    expect(await runCli(stack, 'terminal', rid)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('exec') as string,
    });
    expect(await runCli(stack, 'terminal', '--attach', 'x')).toMatchObject({ code: 2 });
    const id = `t_aaaaaaaaaaaa_${rid}`;
    const killed = await runCli(stack, 'terminal', '--kill', id);
    expect(killed).toMatchObject({ code: 1, stderr: expect.stringMatching(/^terminal_unknown: /) as string });
  });
});

/** The first answer to a frame that is sent instead of `resume`. */
function answerTo(terminalId: string, frame: object): Promise<unknown> {
  const url = `${stack.url.replace('http', 'ws')}/ws/terminals/${terminalId}`;
  const socket = new WebSocket(url, ['pizzapi.v1.json', `bearer.${stack.token}`]);
  return new Promise((resolve, reject) => {
    socket.on('error', reject);
    socket.on('message', (data: Buffer) => {
      const answer = JSON.parse(data.toString()) as { type: string };
      if (answer.type === 'terminal_connected') return socket.send(JSON.stringify(frame));
      if (answer.type !== 'terminal_error') return;
      socket.close();
      resolve(answer);
    });
  });
}

async function auditRows(): Promise<Record<string, unknown>[]> {
  const answer = await fetch(`${stack.url}/api/audit?limit=200`, {
    headers: { authorization: `Bearer ${stack.token}` },
  });
  return ((await answer.json()) as { rows: Record<string, unknown>[] }).rows;
}
