import { CodedError } from '@pizzapi/protocol';
import type { Logger, Tracing } from '@pizzapi/process';
import { IPC_VERSION, type Assignment, type IpcNotification, type OpeningStep } from '../ipc/messages.js';
import { WorkerIpcServer } from '../ipc/server.js';
import { describeLoadedPi } from '../installation/describe.js';
import type { LoadedPi } from '../installation/types.js';
import { SESSION_TAG } from '../processes.js';
import { openPi } from './openPi.js';
import { PiRequests } from './piRequests.js';
import { WorkerSession } from './session.js';

/** How often a worker looks whether its session may go to sleep, in ms. */
const SLEEP_CHECK_MS = 2_000;
/** A session that was idle for so long, in ms, may be suspended for another one: its first input has begun by then. */
const REST_AFTER_MS = 1_000;
/** A worker that no daemon has spoken to for so long leaves, in ms. */
const ORPHAN_MS = 30_000;

export interface WorkerOptions {
  socket: string;
  natsUrl: string;
  /** The SDK, loaded while nobody waits. */
  prepared: Promise<void>;
  /** The pi that this process has loaded. */
  pi: LoadedPi;
  log: Logger;
  /** Opened while no session waits. */
  tracing: Promise<Tracing>;
  /** Ends the process. */
  exit(): void;
}

/** One worker process: it waits for an assignment, hosts that session, and leaves with it. */
export class Worker {
  private session: WorkerSession | undefined;
  private assigned: Assignment | undefined;
  private gone = false;
  /** Names the session, once there is one. */
  private log: Logger;
  private link!: WorkerIpcServer;
  private readonly timers: NodeJS.Timeout[] = [];
  private readonly requests: PiRequests;

  private constructor(private readonly options: WorkerOptions) {
    this.log = options.log;
    this.requests = new PiRequests(options.pi, options.prepared);
  }

  static async listen(options: WorkerOptions): Promise<Worker> {
    const worker = new Worker(options);
    const { socket, log } = options;
    worker.link = await WorkerIpcServer.listen({
      socket,
      log,
      handlers: {
        assign: ({ assignment }) => worker.assign(assignment),
        command: ({ command, trace }) => worker.hosted().command(command, trace),
        outcome: async ({ commandId }) => worker.hosted().outcomeOf(commandId),
        answer: ({ command, outcome }) => worker.hosted().answer(command, outcome),
        branch: ({ entryId }) => worker.hosted().branch(entryId),
        grant: async ({ grant }) => {
          worker.hosted().takeGrant(grant);
          return 'taken';
        },
        rest: async () => {
          if (worker.session?.isSleepy(Date.now(), REST_AFTER_MS) !== true) return 'busy';
          await worker.session.stop({ kind: 'sleep', keepLease: true });
          setImmediate(() => void worker.leave('asleep'));
          return 'asleep';
        },
        stop: async ({ reason }) => {
          await worker.session?.stop(reason);
          setImmediate(() => void worker.leave(reason.kind === 'sleep' ? 'asleep' : 'ended'));
          return 'stopped';
        },
        counts: async () => worker.hosted().counts(),
        describe: () => worker.requests.describe(),
        models: ({ agentDir }) => worker.requests.models(agentDir),
        import: (request) => worker.requests.import(request),
        imported: () => worker.requests.imported(),
        outdated: async ({ text }) => {
          worker.hosted().showOutdated(text);
          return 'shown';
        },
      },
      hello: () => worker.hello(),
      // Without a session nobody misses this process once its daemon is gone.
      onDaemonGone: () => worker.assigned === undefined && options.exit(),
    });
    worker.timers.push(
      setTimeout(() => worker.assigned === undefined && worker.link.listeners === 0 && options.exit(), ORPHAN_MS),
      setInterval(() => void worker.sleepWhenIdle(), SLEEP_CHECK_MS),
    );
    void options.prepared.then(() => worker.link.notify({ type: 'ready' }));
    return worker;
  }

  /** Puts the session to sleep and ends the process: what a SIGTERM asks for. */
  async terminate(): Promise<void> {
    await this.session?.stop({ kind: 'sleep', keepLease: this.link.listeners > 0 });
    await this.leave('asleep');
  }

  private hello(): Extract<IpcNotification, { type: 'hello' }> {
    const hello = { type: 'hello', version: IPC_VERSION, pid: process.pid, pi: this.options.pi } as const;
    return this.session === undefined ? hello : { ...hello, state: this.session.state() };
  }

  private hosted(): WorkerSession {
    if (this.session === undefined) throw new CodedError('session_not_found', 'This worker hosts no session');
    return this.session;
  }

  private async assign(assignment: Assignment) {
    if (this.assigned !== undefined) throw new CodedError('already_exists', 'This worker already hosts a session');
    this.assigned = assignment;
    process.env[SESSION_TAG] = assignment.sid;
    process.title = `pizzapi session ${assignment.sid}`;
    const log = (this.log = this.options.log.child({ sid: assignment.sid, runnerId: assignment.runnerId }));
    const { natsUrl, prepared } = this.options;
    const onStep = (step: OpeningStep) => this.link.notify({ type: 'opening', step });
    onStep({ doing: 'loading pi', waitsFor: 'agent' });
    await prepared;
    await this.requests.settled();
    try {
      this.session = await WorkerSession.begin(assignment, {
        natsUrl,
        log,
        tracing: await this.options.tracing,
        pi: describeLoadedPi(this.options.pi),
        agent: { kind: 'opened', open: openPi },
        onStep,
        onState: (state) => this.link.notify({ type: 'state', state }),
        onFenced: () => void this.leave('fenced'),
        onRefused: () => this.link.notify({ type: 'locked_out' }),
        onShutdownRequested: () => void this.terminate(),
      });
    } catch (error) {
      // Without a session, and perhaps without a daemon by now, this process is of no use.
      this.assigned = undefined;
      if (this.link.listeners === 0) this.options.exit();
      throw error;
    }
    const state = this.session.state();
    // Also for a daemon that was started meanwhile and did not ask.
    this.link.notify({ type: 'state', state });
    return state;
  }

  private async sleepWhenIdle(): Promise<void> {
    if (this.gone || this.session?.isSleepy(Date.now()) !== true) return;
    this.log.info({}, 'idle; suspending the session');
    await this.terminate();
  }

  private async leave(why: Extract<IpcNotification, { type: 'leaving' }>['why']): Promise<void> {
    if (this.gone) return;
    this.gone = true;
    for (const timer of this.timers) clearTimeout(timer);
    const counts = this.session?.counts();
    this.link.notify({ type: 'leaving', why, ...(counts === undefined ? {} : { counts }) });
    await this.link.close();
    await (await this.options.tracing).close();
    this.options.exit();
  }
}
