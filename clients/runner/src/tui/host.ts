import { hostname } from 'node:os';
import type { HostAccess } from '../access/index.js';
import { lastEvent, readCommands } from '@pizzapi/backbone';
import {
  CodedError,
  newId,
  spokenVersion,
  type Author,
  type CommandOf,
  type RunnerPi,
  type SessionPi,
} from '@pizzapi/protocol';
import { sleep, type Logger } from '@pizzapi/process';
import { spoolDir } from '../daemon/directLogWriter.js';
import { CommandDispatcher } from '../daemon/commandDispatcher.js';
import { claimSoon } from '../daemon/grants.js';
import { GrantRenewer } from '../daemon/grantRenewal.js';
import { serveRequests } from '../daemon/rpc/index.js';
import type { SharedAgent } from '../pi/tui/terminal.js';
import { WorkerSession } from '../worker/session.js';
import { connectHost, type ConnectedHost } from './connectHost.js';
import { terminalCommands } from './terminalCommands.js';
import { endCrashedSessions, deleteSessionRecord, recordSession } from './crashRecovery.js';

/** How long commands that were taken may take to be answered when the terminal leaves, in ms. */
const DRAIN_MS = 500;

/** The pi of a terminal: as its owner sees it, and as the session states it. */
export interface TerminalPi {
  runner: RunnerPi;
  session: SessionPi;
}

export interface HostOptions {
  access: HostAccess;
  /** `PIZZAPI_HOME` */
  home: string;
  version: string;
  agent: SharedAgent;
  pi: TerminalPi;
  /** The session that this agent had when it was last shared: it is continued. */
  again?: string | undefined;
  log: Logger;
  /** Connection or spool changed. */
  onChange: () => void;
  /** The session is not hosted any more, for another reason than a call of `end`. */
  onOver: (why: HostEnd) => void;
}

/** `fenced`: another host has the session or the runner id. */
export type HostEnd = { kind: 'killed'; by: Author } | { kind: 'fenced' };

export interface HostLink {
  state: 'connected' | 'offline' | 'refused';
  /** Events that wait for the backbone. */
  waiting: number;
  /** There is no room for more. */
  isFull: boolean;
}

/** A terminal as the host of its session: daemon and worker in one process. */
export class TerminalHost {
  readonly #options: HostOptions;
  readonly #place: ConnectedHost;
  readonly #session: WorkerSession;
  readonly #dispatcher: CommandDispatcher;
  readonly #grantRenewer: GrantRenewer;
  readonly #closing = new AbortController();
  readonly #stops: (() => void)[];
  #ending: Promise<void> | undefined;
  /** The server has refused this terminal since it was last connected. */
  #isRefused = false;

  private constructor(
    readonly sid: string,
    options: HostOptions,
    place: ConnectedHost,
    session: WorkerSession,
  ) {
    this.#options = options;
    this.#place = place;
    this.#session = session;
    const { backbone, runnerId, ledger, publisher, lease, suspendedConnection, slot } = place;
    const { log, onChange, agent } = options;
    const { signal } = this.#closing;
    this.#dispatcher = new CommandDispatcher({
      ...{ ledger, publisher, log },
      handlers: terminalCommands(sid, session, (command) => void this.#killed(command)),
    });
    this.#grantRenewer = new GrantRenewer({ ...place, log }, sid, signal);
    publisher.publish({ type: 'session_opened', sessionId: sid, cwd: agent.cwd, adopted: false });
    this.#stops = [
      backbone.onStatus(onChange),
      backbone.onRefused(() => {
        this.#isRefused = true;
        onChange();
      }),
      serveRequests(backbone, runnerId, {
        handlers: {
          status: () => ({
            ...{ runnerId, pid: process.pid },
            sessions: [{ sid, cwd: agent.cwd, state: session.state().activity }],
          }),
          ping: () => ({ at: Date.now() }),
        },
        log,
      }),
    ];
    void lease.lost.then(() => this.#fenced());
    const unfinished = ledger.open().map(({ seq }) => seq - 1);
    void readCommands(backbone, runnerId, {
      after: Math.min(ledger.cursor, ...unfinished),
      signal,
      onCommand: (command, seq, trace) => this.#dispatcher.dispatch(command, seq, trace),
      onPoison: (problem) => this.#dispatcher.poison(problem),
    }).catch((error: unknown) => log.error({ err: error }, 'command reader stopped'));
    void endCrashedSessions({ backbone, suspendedConnection, runnerId, home: slot.home, log }, sid, signal);
  }

  /**
   * Connects and begins a session whose log starts with the history. Throws the errors of `connectHost` and of the
   * authenticator; then nothing is left of the session.
   */
  static async begin(options: HostOptions, signal: AbortSignal): Promise<TerminalHost> {
    const { access, home, agent, log, version } = options;
    const { natsUrl } = access;
    const place = await connectHost(home, access, log, signal);
    const { runnerId, epoch, publisher, slot } = place;
    const isAgain = options.again !== undefined && (await canContinue(place, options.again, signal));
    const sid = isAgain && options.again !== undefined ? options.again : newId('s');
    let host: TerminalHost | undefined;
    try {
      const grant = await claimSoon(place, sid, signal);
      if (grant.kind === 'refused') {
        throw Object.assign(new CodedError(grant.code), { message: grant.message });
      }
      agent.local.userId = grant.userId;
      await recordSession(slot.home, sid, false);
      const session = await WorkerSession.begin(
        {
          ...{ sid, userId: grant.userId, epoch: grant.epoch, grant: grant.grant, runnerId, cwd: agent.cwd },
          spoolDir: spoolDir(slot.home),
          attachmentsDir: slot.home.attachments(sid),
          idleMs: Number.POSITIVE_INFINITY,
          beginning: isAgain ? { kind: 'resume' } : { kind: 'new', commandId: newId('c'), by: agent.local },
        },
        {
          ...{ natsUrl, log },
          pi: options.pi.session,
          onStep: () => undefined,
          onState: () => options.onChange(),
          onFenced: () => {
            if (host !== undefined) void host.#fenced();
          },
          onRefused: () => {
            if (host !== undefined) void host.#renewGrant();
          },
          onShutdownRequested: () => undefined,
          ...(isAgain ? { missed: () => agent.missed() } : {}),
          agent: {
            kind: 'running',
            share: (sink) => {
              const pi = agent.sharedTo(sink, sid);
              publisher.publish({
                type: 'runner_started',
                ...{ name: access.name ?? hostname(), kind: 'tui', ...spokenVersion(version) },
                ...{ piVersion: pi.piVersion, pi: options.pi.runner },
                ...{ platform: process.platform, epoch, roots: [agent.cwd], maxSessions: 1 },
                ...{ models: pi.state().models, defaultModel: pi.model() },
              });
              return pi;
            },
          },
        },
      );
      host = new TerminalHost(sid, options, place, session);
      return host;
    } catch (error) {
      await deleteSessionRecord(slot.home, sid);
      await place.close();
      throw error;
    }
  }

  /** Whether the backbone is in reach and lets this terminal in, and how much waits for it. */
  get link(): HostLink {
    const { events, full } = this.#session.state().spool;
    const isConnected = this.#place.backbone.status() === 'connected';
    if (isConnected) this.#isRefused = false;
    return {
      state: isConnected ? 'connected' : this.#isRefused ? 'refused' : 'offline',
      waiting: events,
      isFull: full,
    };
  }

  /** Ends the session for its viewers. What cannot be sent now stays on disk for the next terminal. */
  end(): Promise<void> {
    return this.#leave(() => this.#session.stop({ kind: 'end', reason: 'completed' }));
  }

  async #killed({ commandId, by, args }: CommandOf<'kill_session'>): Promise<void> {
    await this.#leave(() => this.#session.stop({ kind: 'kill', commandId, ...args }));
    this.#options.onOver({ kind: 'killed', by });
  }

  async #fenced(): Promise<void> {
    if (this.#ending !== undefined) return;
    await this.#leave(() => this.#session.stop({ kind: 'sleep', keepLease: true }));
    this.#options.onOver({ kind: 'fenced' });
  }

  /** The login of the session is refused: fetches a new grant, unless another host has the session by now. */
  async #renewGrant(): Promise<void> {
    const renewal = await this.#grantRenewer.renew((grant) => this.#session.takeGrant(grant));
    if (renewal === 'gone') await this.#fenced();
  }

  #leave(stop: () => Promise<void>): Promise<void> {
    this.#ending ??= (async () => {
      const { slot, publisher, close } = this.#place;
      this.#closing.abort();
      for (const stopOne of this.#stops) stopOne();
      await Promise.race([this.#dispatcher.idle(), sleep(DRAIN_MS)]);
      const stopping = stop();
      // Before the network answers, because the end is on disk already.
      await Promise.all([stopping, recordSession(slot.home, this.sid, true)]);
      if (this.link.waiting === 0) await deleteSessionRecord(slot.home, this.sid);
      publisher.publish({ type: 'session_closed', sessionId: this.sid, reason: 'ended' });
      await close();
    })();
    return this.#ending;
  }
}

/** Whether a session that was shared before has a log still, and is not another host's. It may have been deleted meanwhile. */
async function canContinue(place: ConnectedHost, sid: string, signal: AbortSignal): Promise<boolean> {
  const grant = await claimSoon(place, sid, signal);
  if (grant.kind === 'refused') return false;
  return (await lastEvent(await place.suspendedConnection.connectionFor(sid), sid, signal)) !== undefined;
}
