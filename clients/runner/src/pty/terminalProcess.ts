import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '@pizzapi/process';
import { CodedError } from '@pizzapi/protocol';
import { TERMINAL_IPC_VERSION, type TerminalSpec } from './messages.js';
import { TerminalServer, type TerminalRequestHandlers } from './server.js';
import { sweepTerminal } from './sweepTerminal.js';
import { Terminal } from './terminal.js';

/** A process that no daemon has used by then ends, in ms. */
const ORPHAN_MS = 20_000;
/** A terminal whose shell has ended stays for so long, so that all its viewers learn how, in ms. */
const LINGER_MS = 60_000;
/** The last messages have so long to leave, in ms. */
const LEAVE_MS = 100;

export interface TerminalProcessOptions {
  socket: string;
  log: Logger;
  exit: () => void;
}

/** The process of one terminal: a daemon opens it and asks it over a socket, and finds it again after a restart. */
export class TerminalProcess {
  private terminal: Terminal | undefined;
  private spec: TerminalSpec | undefined;
  private leaving: Promise<void> | undefined;
  private server: TerminalServer | undefined;

  private constructor(private readonly options: TerminalProcessOptions) {}

  static async listen(options: TerminalProcessOptions): Promise<TerminalProcess> {
    const own = new TerminalProcess(options);
    const server = await TerminalServer.listen({
      socket: options.socket,
      handlers: own.handlers(),
      hello: () => ({
        type: 'hello',
        ...{ version: TERMINAL_IPC_VERSION, pid: process.pid },
        ...(own.terminal === undefined ? {} : { state: own.terminal.state }),
      }),
      onDaemonGone: () => own.terminal?.unwatch(),
      log: options.log,
    });
    own.server = server;
    setTimeout(() => own.terminal === undefined && options.exit(), ORPHAN_MS);
    return own;
  }

  /** Ends the shell with all that it has started, and this process. */
  end(): Promise<void> {
    return (this.leaving ??= this.sweepAndLeave());
  }

  private async sweepAndLeave(): Promise<void> {
    const { spec, terminal } = this;
    if (spec !== undefined) await sweepTerminal(spec.terminalId, terminal?.pid);
    // Its exit comes when its output has been read.
    for (let left = 10; left > 0 && terminal?.hasEnded === false; left--) await sleep(LEAVE_MS);
    setTimeout(() => void this.leave(), LEAVE_MS);
  }

  private async leave(): Promise<void> {
    this.terminal?.close();
    await Promise.race([this.server?.close(), sleep(LEAVE_MS)]);
    this.options.exit();
  }

  private over(why: 'exit' | 'idle'): void {
    this.options.log.info({ why }, 'terminal is over');
    if (why === 'idle') void this.end();
    else setTimeout(() => void this.leave(), LINGER_MS);
  }

  private open(spec: TerminalSpec): Terminal {
    if (this.terminal !== undefined) throw new CodedError('already_exists', 'This process has a terminal');
    this.spec = spec;
    return (this.terminal = Terminal.open(spec, {
      notify: (notice) => this.server?.notify(notice),
      onOver: (why) => this.over(why),
    }));
  }

  private opened(): Terminal {
    if (this.terminal === undefined) throw new CodedError('terminal_unknown', 'The terminal was not opened');
    return this.terminal;
  }

  private handlers(): TerminalRequestHandlers {
    const done = null;
    return {
      open: ({ spec }) => this.open(spec).state,
      watch: ({ report }) => this.opened().watch(report),
      take: ({ viewer }) => (this.opened().take(viewer), done),
      input: ({ bytes, viewer }) => (this.opened().input(bytes, viewer), done),
      resize: ({ cols, rows, viewer }) => (this.opened().resize(cols, rows, viewer), done),
      rename: ({ name }) => (this.opened().rename(name), done),
      output: ({ after, maxBytes }) => this.opened().output(after, maxBytes),
      figures: () => this.opened().figures,
      kill: async () => {
        await this.end();
        return done;
      },
    };
  }
}
