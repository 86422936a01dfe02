import type { ErrorInfo } from '@pizzapi/protocol';
import type { ApiResult } from '@pizzapi/session-client';
import { seconds } from './clock.svelte.js';

/** A form on its way: sent once at a time, refused with a sentence, or told when to try again. */
export class FormSubmission {
  busy = $state(false);
  error = $state.raw<ErrorInfo>();
  #waitUntil = $state(0);
  /** Whole seconds until the gateway listens again. */
  readonly waitSeconds = $derived(
    this.#waitUntil === 0 ? 0 : Math.max(0, Math.ceil((this.#waitUntil - seconds.now) / 1_000)),
  );
  /** The gateway has said when, so that a countdown says it better than its sentence. */
  readonly timed = $derived(this.#waitUntil !== 0);
  readonly blocked = $derived(this.busy || this.waitSeconds > 0);

  /** The answer, or undefined: then `error` says why, or another one is on its way. */
  async send<T>(request: () => Promise<ApiResult<T>>): Promise<{ value: T; status: number } | undefined> {
    if (this.blocked) return undefined;
    this.busy = true;
    this.error = undefined;
    const answer = await request();
    this.busy = false;
    if (answer.kind === 'ok') return answer;
    this.error = answer.error;
    this.#waitUntil = answer.retryAfterMs === undefined ? 0 : Date.now() + answer.retryAfterMs;
    return undefined;
  }

  /** Forgets what went wrong: the person is changing it. */
  readonly edited = (): void => {
    if (this.waitSeconds === 0) this.error = undefined;
  };
}
