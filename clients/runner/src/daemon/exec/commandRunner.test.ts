import { mkdir, mkdtemp, readdir, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type CodedError,
  EXEC_PAGE_BYTES,
  RUNNER_PAGE_BYTES,
  type ExecChunk,
  type MethodRequest,
} from '@pizzapi/protocol';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { sweepSession, taggedProcesses } from '../../processes.js';
import { folderOf } from '../rpc/commandHandlers.js';
import { CommandRunner, MAX_COMMANDS, type CommandRunnerDeps } from './commandRunner.js';
import { OutputBuffer } from './outputBuffer.js';
import { MAX_WAITING_BYTES } from './runningCommand.js';

let base: string;
let folder: string;
let commands: CommandRunner;
const PATIENT = { timeout: 20_000, interval: 20 };

beforeAll(async () => {
  base = await realpath(await mkdtemp(join(tmpdir(), 'pizzapi-exec-')));
});
beforeEach(async () => {
  folder = await mkdtemp(join(base, 'execs-'));
  commands = runner();
});
afterEach(() => commands.stop());
afterAll(() => rm(base, { recursive: true }));

const SECRETS = { PIZZAPI_RUNNER_TOKEN: 'pzr_secret', OTEL_EXPORTER_OTLP_HEADERS: 'x-team=pzr_secret' };
const runner = (more: Partial<CommandRunnerDeps> = {}) =>
  new CommandRunner({ env: { ...process.env, ...SECRETS }, folder, abandonedMs: 60_000, ...more });

type Exec = MethodRequest<'exec'>;
const signal = new AbortController().signal;
const start = (request: Exec, more: { userId?: string; signal?: AbortSignal } = {}) =>
  commands.start({ waitMs: 20_000, ...request }, { cwd: base, userId: 'ada', signal, ...more });
const sh = (script: string, more: Partial<Exec> = {}) => start({ argv: [script], shell: true, ...more });
const text = ({ stdout, stderr }: ExecChunk) => ({
  stdout: Buffer.from(stdout, 'base64').toString(),
  stderr: Buffer.from(stderr, 'base64').toString(),
});

/** Reads a command to its end. */
async function rest(first: ExecChunk): Promise<{ stdout: string; stderr: string; exit: ExecChunk['exit'] }> {
  const parts = [text(first)];
  let chunk = first;
  while (chunk.next !== undefined) {
    chunk = await commands.read({ execId: chunk.execId, after: chunk.next, waitMs: 20_000 }, 'ada', signal);
    parts.push(text(chunk));
  }
  const all = (stream: 'stdout' | 'stderr') => parts.map((part) => part[stream]).join('');
  return { stdout: all('stdout'), stderr: all('stderr'), exit: chunk.exit };
}
const gone = async (execId: string) => expect.poll(() => taggedProcesses(execId), PATIENT).toEqual([]);

describe('a command on a host', () => {
  it('that ends soon is answered at once, with both streams apart and its exit code', async () => {
    const answer = await sh('cat; echo "$1" >&2; pwd; exit 7', {
      argv: ['cat; echo "$1" >&2; pwd; exit 7', 'two words; exit 1'],
      stdin: Buffer.from('typed\n').toString('base64'),
    });
    expect(text(answer)).toEqual({ stdout: `typed\n${base}\n`, stderr: 'two words; exit 1\n' });
    expect(answer).toMatchObject({ exit: { code: 7, signal: null } });
    expect(answer.next).toBeUndefined();
  });

  it('has no shell unless one is asked for', async () => {
    expect(text(await start({ argv: ['echo', '$HOME; id', '*'] })).stdout).toBe('$HOME; id *\n');
  });

  it('that does not start says why', async () => {
    await writeFile(join(base, 'no-program'), 'x');
    for (const [argv, errno] of [
      [['/no/such/program'], 'ENOENT'],
      [[join(base, 'no-program')], 'EACCES'],
    ] as const)
      await expect(start({ argv: [...argv] })).rejects.toMatchObject({ code: 'exec_failed', details: { errno } });
    await expect(start({ argv: [''] })).rejects.toMatchObject({ code: 'bad_request' });
    expect(await readdir(folder)).toEqual([]);
  });

  it('has the environment of the commands of the agent and what the request adds, and no secret of the host', async () => {
    const { stdout } = text(await start({ argv: ['env'], env: { ADDED: 'a=b' } }));
    expect(stdout).toContain('ADDED=a=b\n');
    expect(stdout).toContain(`PATH=${process.env['PATH']}\n`);
    expect(stdout).not.toContain('pzr_secret');
  });

  it('that prints much is read page by page, complete and in order, and waits for its reader', async () => {
    const first = await sh(
      'i=0; while [ $i -lt 60000 ]; do echo "line $i of a long output of a command"; i=$((i+1)); done',
    );
    expect(Buffer.from(first.stdout, 'base64').byteLength).toBe(EXEC_PAGE_BYTES);
    // What is asked for again is there again, until more is asked for.
    const again = { execId: first.execId, after: first.next!, waitMs: 20_000 };
    const second = await commands.read(again, 'ada', signal);
    expect(await commands.read(again, 'ada', signal)).toMatchObject({ stdout: second.stdout });
    const { stdout, exit } = await rest(first);
    const expected = Array.from({ length: 60_000 }, (_, i) => `line ${i} of a long output of a command\n`).join('');
    expect(stdout === expected).toBe(true);
    expect(expected.length).toBeGreaterThan(MAX_WAITING_BYTES);
    expect(exit).toEqual({ code: 0, signal: null });
    await expect(commands.read({ execId: first.execId, after: 0 }, 'ada', signal)).rejects.toMatchObject({
      code: 'offset_expired',
    });
  });

  it('takes input in parts, each once however often it is sent', async () => {
    const { execId, next } = await start({ argv: ['cat'], keepStdin: true, waitMs: 0 });
    const send = (offset: number, bytes: string, end?: boolean) =>
      commands.write(
        { execId, offset, bytes: Buffer.from(bytes).toString('base64'), ...(end && { end }) },
        'ada',
        signal,
      );
    expect(await send(0, 'one ')).toEqual({ received: 4 });
    expect(await send(0, 'one two ')).toEqual({ received: 8 });
    await expect(send(20, 'x')).rejects.toMatchObject({ code: 'invalid_offset' });
    expect(await send(8, 'three', true)).toEqual({ received: 13 });
    const { stdout } = await rest({ execId, next, stdout: '', stderr: '' });
    expect(stdout).toBe('one two three');
  });

  it('that does not read its input takes what it has room for, and gets the rest once it reads', async () => {
    commands = runner({ inputWaitMs: 50 });
    const go = join(folder, '..', 'go');
    const { execId, next } = await sh(`while [ ! -e ${go} ]; do sleep 0.02; done; wc -c`, {
      keepStdin: true,
      waitMs: 0,
    });
    const part = Buffer.alloc(RUNNER_PAGE_BYTES, 'x');
    const send = (offset: number, end = false) =>
      commands.write({ execId, offset, bytes: end ? '' : part.toString('base64'), end }, 'ada', signal);
    expect(await send(0)).toEqual({ received: part.byteLength });
    for (let again = 0; again < 3; again++) expect(await send(part.byteLength)).toEqual({ received: part.byteLength });
    await writeFile(go, '');
    await expect.poll(() => send(part.byteLength), PATIENT).toEqual({ received: 2 * part.byteLength });
    await send(2 * part.byteLength, true);
    const { stdout } = await rest({ execId, next, stdout: '', stderr: '' });
    expect(stdout.trim()).toBe(String(2 * part.byteLength));
  });

  it('whose input waits for it is swept when the caller leaves', async () => {
    commands = runner({ abandonedMs: 100 });
    const { execId } = await start({ argv: ['sleep', '1000'], keepStdin: true, waitMs: 0 });
    const leaving = new AbortController();
    const bytes = Buffer.alloc(RUNNER_PAGE_BYTES).toString('base64');
    const send = (offset: number) => commands.write({ execId, offset, bytes }, 'ada', leaving.signal);
    await send(0);
    const waiting = send(RUNNER_PAGE_BYTES);
    leaving.abort();
    expect(await waiting).toEqual({ received: RUNNER_PAGE_BYTES });
    await gone(execId);
  });

  it('gets signals, and says by which one it ended', async () => {
    const { execId, next } = await sh('trap "echo caught; exit 3" INT; echo ready; while :; do sleep 0.05; done', {
      waitMs: 0,
    });
    const ready = await commands.read({ execId, after: next!, waitMs: 20_000 }, 'ada', signal);
    expect(text(ready).stdout).toBe('ready\n');
    await commands.kill({ execId, signal: 'SIGINT' }, 'ada');
    expect(await rest(ready)).toMatchObject({ stdout: 'ready\ncaught\n', exit: { code: 3 } });
    const other = await start({ argv: ['sleep', '100'], waitMs: 0 });
    await commands.kill({ execId: other.execId, signal: 'SIGKILL' }, 'ada');
    expect((await rest(other)).exit).toEqual({ code: null, signal: 'SIGKILL' });
  });

  it.each([
    ['its time is over', 'sleep 1000', { timeoutMs: 300 }, 'timeout'],
    ['it prints more than it may', 'yes', { maxOutputBytes: 1_000 }, 'output_limit'],
    [
      'its time is over while something that it left running prints',
      '(while :; do echo; sleep 0.05; done) &',
      { timeoutMs: 300 },
      'timeout',
    ],
  ])('is ended with all that it started when %s', async (_what, script, limits, ended) => {
    const first = await sh(`sleep 1000 & setsid sleep 1000 & ${script}`, { ...limits, waitMs: 0 });
    const { stdout, exit } = await rest(first);
    expect(exit).toMatchObject({ ended });
    if (script.startsWith('sleep')) expect(stdout).toBe('');
    if (ended === 'output_limit') expect(stdout).toHaveLength(1_000);
    await gone(first.execId);
  });

  it('is swept when its caller leaves before the first answer', async () => {
    const leaving = new AbortController();
    const answer = start(
      { argv: ['sleep 1000 & setsid sleep 1000 & sleep 1000'], shell: true },
      { signal: leaving.signal },
    );
    await expect.poll(() => readdir(folder), PATIENT).toHaveLength(1);
    const [execId] = await readdir(folder);
    await expect.poll(() => taggedProcesses(execId!), PATIENT).not.toEqual([]);
    leaving.abort();
    await answer;
    await gone(execId!);
  });

  it('is swept when no request for it comes any more, and forgotten', async () => {
    commands = runner({ abandonedMs: 100 });
    const { execId } = await sh('setsid sleep 1000 & sleep 1000', { waitMs: 0 });
    await gone(execId);
    await expect.poll(() => readdir(folder), PATIENT).toEqual([]);
    const killed = () => commands.kill({ execId }, 'ada').catch(({ code }: CodedError) => code);
    await expect.poll(killed, PATIENT).toBe('exec_unknown');
  });

  it('that forks on and on, into sessions of their own, is swept', async () => {
    const { execId } = await sh('while :; do setsid sh -c "sleep 1000 & sleep 1000" & sleep 0.02; done', { waitMs: 0 });
    await expect.poll(async () => (await taggedProcesses(execId)).length, PATIENT).toBeGreaterThan(10);
    await commands.kill({ execId }, 'ada');
    await gone(execId);
  });

  it('that a dead daemon left behind is swept by the next one', async () => {
    const { execId } = await sh('setsid sleep 1000 & sleep 1000', { waitMs: 0 });
    await runner().recover();
    await gone(execId);
    expect(await readdir(folder)).toEqual([]);
  });

  it('that has ended keeps what it left running, also when the daemon ends and the next one starts', async () => {
    const { execId, exit } = await sh('sleep 1000 >/dev/null 2>&1 </dev/null & exit 0');
    expect(exit).toEqual({ code: 0, signal: null });
    await expect.poll(() => readdir(folder), PATIENT).toEqual([]);
    await commands.stop();
    await runner().recover();
    expect(await taggedProcesses(execId)).toHaveLength(1);
    await sweepSession(execId);
  });

  it('of another person does not exist', async () => {
    const { execId } = await start({ argv: ['sleep', '1000'], waitMs: 0 });
    const refusal = { code: 'exec_unknown' };
    await expect(commands.read({ execId, after: 0 }, 'bob', signal)).rejects.toMatchObject(refusal);
    await expect(commands.write({ execId, offset: 0, bytes: '' }, 'bob', signal)).rejects.toMatchObject(refusal);
    await expect(commands.kill({ execId }, 'bob')).rejects.toMatchObject(refusal);
    expect(await taggedProcesses(execId)).not.toEqual([]);
  });

  it('is refused while too many others run', async () => {
    const all = await Promise.allSettled(
      Array.from({ length: MAX_COMMANDS + 3 }, () => start({ argv: ['sleep', '1000'], waitMs: 0 })),
    );
    const refused = all.filter(({ status }) => status === 'rejected');
    expect(refused).toHaveLength(3);
    expect(refused[0]).toMatchObject({ reason: { code: 'rpc_busy' } });
  });
});

it('commands that have ended leave room for others', async () => {
  for (let round = 0; round < 3; round++) {
    const all = await Promise.all(Array.from({ length: 16 }, () => start({ argv: ['true'] })));
    expect(all.every(({ exit }) => exit?.code === 0)).toBe(true);
  }
});

describe('the folder of a command', () => {
  const outside = { code: 'cwd_outside_roots' };
  it('is within the roots by its real path', async () => {
    const root = await mkdtemp(join(base, 'root-'));
    await mkdir(join(root, 'project'));
    await symlink(tmpdir(), join(root, 'way-out'));
    const hosts = { get: () => undefined };
    const of = (cwd?: string) => folderOf({ ...(cwd !== undefined && { cwd }) }, { roots: [root], hosts });
    expect(await of()).toBe(root);
    expect(await of('project')).toBe(join(root, 'project'));
    for (const cwd of ['way-out', '/', '..', `${root}/../..`, '/proc/self/root'])
      await expect(of(cwd)).rejects.toMatchObject(outside);
    await expect(folderOf({ sessionId: 's1' }, { roots: [root], hosts })).rejects.toMatchObject({
      code: 'session_not_found',
    });
  });
});

it('the output that waits is cut into pages at any offset', () => {
  const output = new OutputBuffer(4);
  output.push('stdout', Buffer.from('abc'));
  output.push('stderr', Buffer.from('DEF'));
  expect(output.take(0)).toMatchObject({ stdout: Buffer.from('abc'), stderr: Buffer.from('D'), next: 4 });
  expect(output.take(2)).toMatchObject({ stdout: Buffer.from('c'), stderr: Buffer.from('DEF'), next: 6 });
  expect(output.size).toBe(4);
  expect(() => output.take(1)).toThrow('not kept');
  expect(() => output.take(7)).toThrow('reached 6');
  expect(output.take(6)).toMatchObject({ next: 6 });
});
