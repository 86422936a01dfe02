import { spawn, type ChildProcess } from 'node:child_process';
import { setMaxListeners } from 'node:events';
import { mkdir, mkdtemp, readFile, realpath, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startSecuredNats, type SecuredNats } from '@pizzapi/authenticator/testing';
import {
  consumeStream,
  follow,
  openNkey,
  RUNNERS_STREAM,
  sendCommand,
  type Backbone,
  type Tail,
} from '@pizzapi/backbone';
import type { TestNats } from '@pizzapi/backbone/testing';
import {
  decode,
  encode,
  newId,
  OWNER_ID,
  subjects,
  type Command,
  type CommandName,
  type RunnerEvent,
  type SessionEvent,
} from '@pizzapi/protocol';
import { runnerHome } from '../home.js';
import { SessionRecords, type SessionRecord } from '../daemon/records.js';
import { endWorker } from '../daemon/workers.js';

/** An event of a session with its offset and epoch. */
export type Logged = SessionEvent & { seq: number; epochOf: number; msgId: string };

const MAIN = fileURLToPath(new URL('../../dist/bundle/main.js', import.meta.url));

/** A log as it grows: everything so far, and a promise for what is awaited. */
export class Growing<T> {
  readonly items: T[] = [];
  private readonly waiting = new Set<() => void>();

  push(items: T[]): void {
    this.items.push(...items);
    for (const check of [...this.waiting]) check();
  }

  /** The first item that fits, now or later. */
  until<S extends T>(fits: (item: T) => item is S, from?: number): Promise<S>;
  until(fits: (item: T) => boolean, from?: number): Promise<T>;
  until(fits: (item: T) => boolean, from = 0): Promise<T> {
    return new Promise((resolve) => {
      const check = () => {
        const found = this.items.slice(from).find(fits);
        if (found === undefined) return;
        this.waiting.delete(check);
        resolve(found);
      };
      this.waiting.add(check);
      check();
    });
  }
}

/** A runner's daemon as a real process, with real workers, on a real nats-server that a real authenticator guards. */
export class Rig {
  readonly runnerEvents = new Growing<RunnerEvent>();
  private readonly logs = new Map<string, Growing<Logged>>();
  private readonly tails: Tail[] = [];
  private readonly stop = new AbortController();
  private daemon: ChildProcess | undefined;
  runnerId = '';

  private constructor(
    readonly secured: SecuredNats,
    /** Lets the daemon in. */
    readonly token: string,
    readonly folder: string,
    /** Where sessions may start: a real path. */
    readonly root: string,
  ) {
    // One listener per log that a test follows.
    setMaxListeners(0, this.stop.signal);
  }

  static async start(): Promise<Rig> {
    const secured = await startSecuredNats();
    const token = await secured.newRunnerToken(OWNER_ID);
    const folder = await realpath(await mkdtemp(join(tmpdir(), 'pizzapi-runner-')));
    const root = join(folder, 'work');
    await mkdir(join(root, 'project'), { recursive: true });
    await mkdir(join(folder, 'agent'));
    return new Rig(secured, token, folder, root);
  }

  get nats(): TestNats {
    return this.secured.nats;
  }

  /** May do everything: what a test looks with. */
  get backbone(): Backbone {
    return this.secured.admin;
  }

  get home() {
    return runnerHome(join(this.folder, 'home'));
  }

  /** Starts the daemon and waits until it has registered. */
  async startDaemon(env: NodeJS.ProcessEnv = {}): Promise<void> {
    const flags = ['--home', join(this.folder, 'home'), '--roots', this.root, '--nats-url', this.nats.url];
    const more = ['--agent-dir', join(this.folder, 'agent'), '--name', 'rig'];
    this.daemon = spawn(process.execPath, [MAIN, ...flags, ...more], {
      env: {
        ...process.env,
        PIZZAPI_RUNNER_TOKEN: this.token,
        PIZZAPI_DEMO_SPEED: 'instant',
        PIZZAPI_LOG_LEVEL: 'info',
        ...env,
      },
      stdio: ['ignore', 'ignore', process.env['RIG_VERBOSE'] === undefined ? 'ignore' : 'inherit'],
    });
    const from = this.runnerEvents.items.length;
    if (this.runnerId === '') await this.watch();
    await this.runnerEvents.until((event) => event.type === 'runner_started', from);
  }

  get daemonPid(): number {
    return this.daemon!.pid!;
  }

  /** Ends the daemon with a signal and waits until it is gone. */
  async endDaemon(signal: NodeJS.Signals): Promise<number | null> {
    const { daemon } = this;
    if (daemon === undefined || daemon.exitCode !== null || daemon.signalCode !== null) return daemon?.exitCode ?? null;
    const gone = new Promise<number | null>((resolve) => daemon.once('exit', (code) => resolve(code)));
    daemon.kill(signal);
    return gone;
  }

  /** Sends a command; the id may be chosen, to send it again. */
  async send<N extends CommandName>(
    name: N,
    args: Extract<Command, { name: N }>['args'],
    sessionId?: string,
    more: Partial<Command> = {},
  ): Promise<string> {
    const at = Date.now();
    const command = {
      ...{ commandId: newId('c'), name, args, at, expiresAt: at + 60_000, by: { userId: 'owner', via: 'owner' } },
      ...(sessionId === undefined ? {} : { sessionId }),
      ...more,
    } as Command;
    await sendCommand(this.backbone, this.runnerId, command);
    return command.commandId;
  }

  /** The same command once more, as a broken sender would store it: under another message id. */
  async sendAgain<N extends CommandName>(
    name: N,
    args: Extract<Command, { name: N }>['args'],
    sessionId: string,
    commandId: string,
  ) {
    const at = Date.now();
    const command = {
      commandId,
      name,
      args,
      sessionId,
      at,
      expiresAt: at + 60_000,
      by: { userId: 'owner', via: 'owner' },
    };
    const { nkeySeed } = this.secured.credentials.admin;
    const subject = subjects.runnerCommands(this.runnerId);
    await publishRaw(this.nats.port, nkeySeed, subject, `${this.runnerId}.${newId()}`, encode(command));
  }

  /** Starts a session and waits for its first event. */
  async newSession(args: Partial<Extract<Command, { name: 'new_session' }>['args']> = {}): Promise<string> {
    const sessionId = newId('s');
    const commandId = await this.send('new_session', {
      sessionId,
      model: 'demo/demo',
      cwd: join(this.root, 'project'),
      ...args,
    });
    await (await this.log(sessionId)).until((event) => event.type === 'session_started');
    await this.runnerResult(commandId);
    return sessionId;
  }

  /** The log of a session, followed from its beginning. */
  async log(sid: string): Promise<Growing<Logged>> {
    const known = this.logs.get(sid);
    if (known !== undefined) return known;
    const log = new Growing<Logged>();
    this.logs.set(sid, log);
    const tail = await follow(
      this.backbone,
      sid,
      { after: 0, signal: this.stop.signal },
      {
        onEvents: (batch) =>
          log.push(
            batch.map(({ seq, epoch, msgId, payload }) => ({
              ...(decode(payload) as SessionEvent),
              seq,
              epochOf: epoch,
              msgId,
            })),
          ),
      },
    );
    this.tails.push(tail);
    return log;
  }

  /** Waits for the answer to a command in a session's log. */
  async result(sid: string, commandId: string) {
    const log = await this.log(sid);
    const found = await log.until((event) => event.type === 'command_result' && event.commandId === commandId);
    return found as Extract<Logged, { type: 'command_result' }>;
  }

  /** Waits for the answer to a command in the runner's log. */
  async runnerResult(commandId: string) {
    const found = await this.runnerEvents.until(
      (event) => event.type === 'command_result' && event.commandId === commandId,
    );
    return found as Extract<RunnerEvent, { type: 'command_result' }>;
  }

  /** What the daemon has written down about a session. */
  async record(sid: string): Promise<SessionRecord> {
    return JSON.parse(await readFile(join(this.home.sessions, `${sid}.json`), 'utf8')) as SessionRecord;
  }

  async close(): Promise<void> {
    await this.endDaemon('SIGTERM');
    await this.endWorkers();
    this.stop.abort();
    for (const tail of this.tails) await tail.stop();
    await this.secured.stop();
    await rm(this.folder, { recursive: true, force: true });
    await rm(this.home.sockets, { recursive: true, force: true });
  }

  /** Ends the workers: they outlive their daemon, and would look for the next one as long as the tests run. */
  private async endWorkers(): Promise<void> {
    if (this.daemon === undefined) return;
    const { records } = await new SessionRecords(this.home.sessions).all();
    const workers = records.flatMap(({ worker }) => worker ?? []);
    await Promise.all(workers.map((worker) => endWorker(worker, 0)));
  }

  /** Follows the log of the runner, whose id it tells. */
  async watch(): Promise<void> {
    const filter = 'runner.*.events';
    const first = new Promise<string>((resolve) => {
      void consumeStream(this.backbone, RUNNERS_STREAM, {
        after: 0,
        filter,
        signal: this.stop.signal,
        onBatch: (records) => {
          resolve(records[0]!.subject.split('.')[1]!);
          this.runnerEvents.push(records.map(({ payload }) => decode(payload) as RunnerEvent));
        },
      });
    });
    this.runnerId = await first;
  }
}

/** Publishes as any program could that speaks the protocol of NATS. */
function publishRaw(
  port: number,
  nkeySeed: string,
  subject: string,
  messageId: string,
  payload: Uint8Array,
): Promise<void> {
  const nkey = openNkey(nkeySeed);
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    let heard = '';
    socket.once('error', reject);
    socket.on('data', (data) => {
      const isFirst = heard === '';
      heard += data.toString();
      if (heard.includes('-ERR')) reject(new Error(heard));
      if (heard.includes('PONG')) socket.end(resolve);
      if (!isFirst) return;
      const { nonce } = JSON.parse(/^INFO (.*)\r\n/.exec(heard)![1]!) as { nonce: string };
      const login = {
        verbose: false,
        headers: true,
        nkey: nkey.publicKey,
        sig: nkey.sign(nonce).toString('base64url'),
      };
      const header = `NATS/1.0\r\nNats-Msg-Id: ${messageId}\r\n\r\n`;
      const sizes = `${header.length} ${header.length + payload.byteLength}`;
      socket.write(`CONNECT ${JSON.stringify(login)}\r\nHPUB ${subject} ${sizes}\r\n${header}`);
      socket.write(payload);
      socket.write('\r\nPING\r\n');
    });
  });
}
