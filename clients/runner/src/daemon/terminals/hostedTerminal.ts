import { announce, type Backbone } from '@pizzapi/backbone';
import { isSameProcess, sleep, withTimeout, type Logger } from '@pizzapi/process';
import {
  encodeTerminalOutput,
  encodeTerminalState,
  parseTerminalId,
  subjects,
  type TerminalInfo,
  type TerminalState,
} from '@pizzapi/protocol';
import { TerminalClient } from '../../pty/client.js';
import type { TerminalNotice } from '../../pty/messages.js';
import { sweepTerminal } from '../../pty/sweepTerminal.js';
import type { TerminalRecord } from './terminalRecords.js';

/** How long the process of a terminal may take to answer for a list, in ms. */
const ANSWER_MS = 2_000;
/** Attempts to reach a process that lives, when the connection to it broke, and the time between two, in ms. */
const ATTEMPTS = 20;
const AGAIN_MS = 250;

export interface HostedTerminalDeps {
  backbone: Backbone;
  runnerId: string;
  log: Logger;
  /** Its process has gone. */
  onGone: (terminalId: string) => void;
}

/** A terminal of this host, as the daemon sees it: passes on what its process says, and asks it. */
export class HostedTerminal {
  private client: TerminalClient;
  private detached = false;
  private readonly subject: string;

  constructor(
    private readonly deps: HostedTerminalDeps,
    readonly record: TerminalRecord,
    client: TerminalClient,
    private state: TerminalState,
  ) {
    this.subject = subjects.terminalOutput(deps.runnerId, parseTerminalId(record.terminalId)!.name);
    this.client = client;
    this.follow(client);
    // Gateways that watched it before this daemon was started say so again.
    this.heard({ type: 'state', state });
  }

  get hasEnded(): boolean {
    return this.state.exit !== undefined;
  }

  get name(): string {
    return this.state.name;
  }

  /** Asks its process. */
  get ask(): TerminalClient['request'] {
    return (type, asked) => this.client.request(type, asked);
  }

  async info(): Promise<TerminalInfo> {
    const { terminalId, openedAt, sessionId } = this.record;
    const asked = await withTimeout(
      this.client.request('figures', {}).catch(() => undefined),
      ANSWER_MS,
    );
    const { state, usedAt } = asked ?? { state: this.state, usedAt: openedAt };
    const { name, cwd, cols, rows, writer, viewers, head, exit } = state;
    return {
      ...{ terminalId, name, cwd, cols, rows, openedAt, usedAt, writer, head },
      viewers: viewers.length,
      ...(sessionId === undefined ? {} : { sessionId }),
      ...(exit === undefined ? {} : { exit }),
    };
  }

  /** Closes the connection to its process, which lives on. */
  detach(): void {
    this.detached = true;
    this.client.close();
  }

  private follow(client: TerminalClient): void {
    client.listen((notice) => this.heard(notice));
    void client.closed.then(() => this.lost());
  }

  private heard(notice: TerminalNotice): void {
    const { backbone } = this.deps;
    if (notice.type === 'hello') return;
    if (notice.type === 'state') this.state = notice.state;
    // What is printed without a connection is read again: it must not wait in memory.
    if (backbone.status() !== 'connected') return;
    const body =
      notice.type === 'state' ? encodeTerminalState(notice.state) : encodeTerminalOutput(notice.n, notice.bytes);
    announce(backbone, this.subject, body);
  }

  /** The connection has ended: with the process, or because of a fault. */
  private async lost(): Promise<void> {
    const { pid, start, socket, terminalId } = this.record;
    for (let left = ATTEMPTS; left > 0 && !this.detached && (await isSameProcess(pid, start)); left--) {
      const client = await TerminalClient.connect(socket);
      if (client !== undefined) {
        this.client = client;
        return this.follow(client);
      }
      await sleep(AGAIN_MS);
    }
    if (this.detached) return;
    if (!this.hasEnded) {
      this.deps.log.warn({ terminalId }, 'the process of a terminal has ended without its shell');
      await sweepTerminal(terminalId, undefined);
      const exit = { code: null, signal: 'SIGKILL' };
      this.heard({ type: 'state', state: { ...this.state, no: this.state.no + 1, exit } });
    }
    this.deps.onGone(terminalId);
  }
}
