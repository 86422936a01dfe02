import { errors } from '@nats-io/nats-core';
import type { Logger } from '@pizzapi/process';
import { connectProblem, type ConnectProblem } from '@pizzapi/process/outbound';
import type { DialErrors } from './natsDial.js';

/** Between two warnings that a connection that was lost cannot be made again, in ms. */
const WARN_EVERY_MS = 60_000;

/** Why the attempts of one connection to reach nats-server fail. */
export class DialFailures implements DialErrors {
  last?: unknown;
  private warnedAt = -Infinity;

  constructor(
    private readonly servers: readonly string[],
    private readonly log: Pick<Logger, 'warn'>,
    private readonly now: () => number = () => performance.now(),
  ) {}

  problem(cause: unknown): ConnectProblem {
    if (cause instanceof errors.AuthorizationError) {
      const what = `No connection to ${this.servers.join(', ')}`;
      return { code: 'nats_unauthorized', what, message: what };
    }
    return connectProblem(this.servers[0] ?? '', this.last ?? cause, 'nats_unreachable');
  }

  /** Logs why a lost connection cannot be made again, now and then. */
  warnNow(): void {
    if (this.last === undefined || this.now() - this.warnedAt < WARN_EVERY_MS) return;
    this.warnedAt = this.now();
    const { code, message } = this.problem(this.last);
    this.log.warn({ servers: this.servers, code, why: message }, 'nats-server cannot be reached again yet');
  }
}
