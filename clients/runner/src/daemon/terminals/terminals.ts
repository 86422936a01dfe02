import type { Backbone } from '@pizzapi/backbone';
import { isSameProcess, SerialQueue, withTimeout, type Logger } from '@pizzapi/process';
import {
  CodedError,
  MAX_TERMINALS,
  newTerminalId,
  parseTerminalId,
  type TerminalInfo,
  type TerminalState,
} from '@pizzapi/protocol';
import { TerminalClient } from '../../pty/client.js';
import { startTerminal, type TerminalPlace } from '../../pty/startTerminal.js';
import { sweepTerminal } from '../../pty/sweepTerminal.js';
import { signalProcess } from '../../processes.js';
import { HostedTerminal } from './hostedTerminal.js';
import { shellEnvironment, shellOf } from './shell.js';
import { TerminalRecords, type TerminalRecord } from './terminalRecords.js';

/** How long the process of a terminal may take to say what it is, in ms. */
const ADOPT_MS = 5_000;

export interface TerminalsDeps {
  backbone: Backbone;
  runnerId: string;
  place: TerminalPlace;
  /** One file per terminal is here. */
  folder: string;
  /** The environment of the shells. */
  env: NodeJS.ProcessEnv;
  /** A terminal ends after so much time without viewers, in ms. 0: never. */
  idleMs: number;
  log: Logger;
}

export interface OpenTerminal {
  userId: string;
  cwd: string;
  sessionId?: string | undefined;
  cols: number;
  rows: number;
  name?: string | undefined;
}

/** The terminals of a host. Each has a process of its own, which a later daemon finds again. */
export class Terminals {
  private readonly all = new Map<string, HostedTerminal>();
  private readonly records: TerminalRecords;
  private readonly opening = new SerialQueue();

  constructor(private readonly deps: TerminalsDeps) {
    this.records = new TerminalRecords(deps.folder);
  }

  /** Finds the terminals of the daemon before this one. */
  async recover(): Promise<void> {
    const records = await this.records.all();
    await Promise.all(records.map((record) => this.recoverOne(record)));
  }

  /** Opens a terminal. Throws `too_many_terminals`, or `terminal_failed`. */
  open(asked: OpenTerminal): Promise<HostedTerminal> {
    // One at a time: several must not take the last free place.
    return this.opening.run(() => this.start(asked));
  }

  /** The terminals of an account, the newest first. */
  async list(userId: string): Promise<TerminalInfo[]> {
    const own = [...this.all.values()].filter(({ record }) => record.userId === userId);
    const infos = await Promise.all(own.map((terminal) => terminal.info()));
    return infos.sort((a, b) => b.openedAt - a.openedAt);
  }

  /** A terminal of an account. Throws `terminal_unknown` also for that of another account. */
  get(terminalId: string, userId: string): HostedTerminal {
    const found = this.all.get(terminalId);
    if (found === undefined || found.record.userId !== userId)
      throw new CodedError('terminal_unknown', 'There is no such terminal on this host');
    return found;
  }

  /** Closes the connections to all terminals. Their processes live on. */
  detach(): void {
    for (const terminal of this.all.values()) terminal.detach();
    this.all.clear();
  }

  /** Ends all terminals: the runner was asked to end. */
  async end(): Promise<void> {
    await Promise.all([...this.all.values()].map((terminal) => terminal.ask('kill', {}).catch(() => undefined)));
  }

  private async start({ userId, cwd, sessionId, cols, rows, name }: OpenTerminal): Promise<HostedTerminal> {
    const { runnerId, place, env, idleMs, log } = this.deps;
    const open = [...this.all.values()].filter(({ hasEnded }) => !hasEnded).length;
    // Those that have ended stay for a minute, each with its process.
    if (open >= MAX_TERMINALS || this.all.size >= 2 * MAX_TERMINALS)
      throw new CodedError('too_many_terminals', `This host has ${this.all.size} terminals`);
    const terminalId = newTerminalId(runnerId);
    const { client, ...process } = await startTerminal(place, parseTerminalId(terminalId)!.name);
    const record: TerminalRecord = {
      ...{ terminalId, userId, cwd, openedAt: Date.now(), ...process },
      ...(sessionId === undefined ? {} : { sessionId }),
    };
    try {
      await this.records.write(record);
      const spec = {
        ...{ terminalId, cwd, cols, rows, idleMs },
        name: name ?? `Terminal ${this.freeNumber()}`,
        argv: shellOf(env),
        env: shellEnvironment(env, terminalId),
      };
      const state = await client.request('open', { spec });
      log.info({ terminalId, pid: process.pid }, 'opened a terminal');
      return this.add(record, client, state);
    } catch (error) {
      client.close();
      signalProcess(process.pid, 'SIGKILL');
      await this.records.remove(terminalId);
      throw error;
    }
  }

  private async recoverOne(record: TerminalRecord): Promise<void> {
    const { log } = this.deps;
    const { terminalId, pid, start, socket } = record;
    const client = (await isSameProcess(pid, start)) ? await TerminalClient.connect(socket) : undefined;
    const figures =
      client === undefined
        ? undefined
        : await withTimeout(
            client.request('figures', {}).catch(() => undefined),
            ADOPT_MS,
          );
    if (client !== undefined && figures !== undefined) {
      log.info({ terminalId, pid }, 'found a terminal again');
      this.add(record, client, figures.state);
      return;
    }
    client?.close();
    log.warn({ terminalId, pid }, 'the process of a terminal is gone');
    if (await isSameProcess(pid, start)) signalProcess(pid, 'SIGKILL');
    await sweepTerminal(terminalId, undefined);
    await this.records.remove(terminalId);
  }

  private add(record: TerminalRecord, client: TerminalClient, state: TerminalState): HostedTerminal {
    const { backbone, runnerId, log } = this.deps;
    const onGone = (terminalId: string): void => {
      this.all.delete(terminalId);
      void this.records.remove(terminalId);
    };
    const terminal = new HostedTerminal({ backbone, runnerId, log, onGone }, record, client, state);
    this.all.set(record.terminalId, terminal);
    return terminal;
  }

  private freeNumber(): number {
    const names = new Set([...this.all.values()].map(({ name }) => name));
    let number = 1;
    while (names.has(`Terminal ${number}`)) number++;
    return number;
  }
}
