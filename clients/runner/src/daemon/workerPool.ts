import { rename, rm } from 'node:fs/promises';
import { CodedError } from '@pizzapi/protocol';
import { isSameProcess, withTimeout, type Logger } from '@pizzapi/process';
import type { PiInstallation } from '../installation/types.js';
import type { IpcRequestName, IpcRequests, IpcResponse } from '../ipc/messages.js';
import { refusal } from '../ipc/refusal.js';
import { startWorker, type StartedWorker, type WorkerPlace } from '../ipc/startWorker.js';
import { endWorker } from './workers.js';

/** How long a worker without a session may take to answer, in ms. */
const ANSWER_MS = 20_000;
/** How many workers are asked one after another, when each leaves before it answers. */
const ASKED = 3;

/** Which pi the next worker runs on. */
export interface PiSource {
  readonly current: PiInstallation;
  /** A worker with `installation` did not start. Returns the one to use instead, or undefined where there is no other. */
  failed(installation: PiInstallation, error: unknown): PiInstallation | undefined;
}

type Spare = { kind: 'started'; worker: StartedWorker } | { kind: 'failed'; error: Error };

/**
 * Keeps one worker ready, with the SDK loaded and a connection made, so that a new session answers fast. Without
 * `isWarm` a worker starts when one is needed; one that answered a question waits for the next session.
 */
export class WorkerPool {
  private spare: Promise<Spare> | undefined;
  private closed = false;

  constructor(
    private readonly place: WorkerPlace,
    private readonly pi: PiSource,
    private readonly log: Logger,
    private readonly isWarm: boolean,
  ) {}

  /** Starts the spare worker unless there is one, or the pool keeps none. */
  refill(): void {
    if (this.isWarm) this.startSpare();
  }

  private startSpare(): void {
    if (this.closed || this.spare !== undefined) return;
    this.spare = this.start().then(
      (worker) => ({ kind: 'started', worker }),
      (error: unknown) => {
        this.log.warn({ err: error }, 'spare worker did not start');
        return { kind: 'failed', error: error instanceof Error ? error : new Error(String(error)) };
      },
    );
  }

  /** A worker for a session; its output continues in `logFile`. Throws `runner_failed`. */
  async take(logFile: string): Promise<StartedWorker> {
    const taken = this.spare;
    this.spare = undefined;
    const spare = await taken;
    const worker = spare?.kind === 'started' && (await isAlive(spare.worker)) ? spare.worker : await this.start();
    await rename(worker.logFile, logFile).catch(() => undefined);
    return worker;
  }

  /**
   * Asks the spare worker, which stays the spare one. One that leaves, or is taken and then leaves, is replaced and the
   * next one is asked. Throws `runner_failed` when none starts, and the code of a refusal.
   */
  async ask<N extends IpcRequestName>(type: N, question: IpcRequests[N]['ask']): Promise<IpcResponse<N>> {
    for (let n = 0; n < ASKED && !this.closed; n++) {
      this.startSpare();
      const asked = this.spare;
      const spare = await asked;
      if (spare?.kind !== 'started') {
        this.drop(asked);
        throw spare?.error ?? stopped();
      }
      const answer = await withTimeout(spare.worker.link.request(type, question), ANSWER_MS);
      if (answer?.kind === 'answered') return answer.answer;
      if (answer?.kind === 'refused') throw refusal(answer.error);
      // A session may have taken it meanwhile.
      if (this.drop(asked)) await this.end(spare);
    }
    throw stopped();
  }

  /** Ends the spare worker and starts another one: the pi that it runs on is no longer the one to use. */
  replace(): void {
    const old = this.spare;
    this.spare = undefined;
    this.refill();
    void old?.then((spare) => this.end(spare));
  }

  async close(): Promise<void> {
    this.closed = true;
    const spare = await this.spare;
    this.spare = undefined;
    if (spare !== undefined) await this.end(spare);
  }

  /** Forgets a spare worker; false when it is not the spare one any more. */
  private drop(spare: Promise<Spare> | undefined): boolean {
    if (this.spare !== spare) return false;
    this.spare = undefined;
    return true;
  }

  private async end(spare: Spare): Promise<void> {
    if (spare.kind === 'failed') return;
    const { worker } = spare;
    worker.link.close();
    await endWorker(worker, 2_000);
    await rm(worker.logFile, { force: true });
  }

  private async start(): Promise<StartedWorker> {
    const { pi, place } = this;
    const installation = pi.current;
    try {
      return await startWorker(place, installation);
    } catch (error) {
      const other = pi.failed(installation, error);
      if (other === undefined) throw error;
      return startWorker(place, other);
    }
  }
}

const stopped = () => new CodedError('runner_failed', 'The worker process did not answer');

function isAlive({ pid, start }: StartedWorker): Promise<boolean> {
  return isSameProcess(pid, start);
}
