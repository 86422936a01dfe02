import { storageWarning, type StorageUseInfo } from '@pizzapi/protocol';
import { api } from '../state/client.js';

/** What is known of a session's storage is asked for again after so long, in ms, when something was sent. */
const FRESH_MS = 60_000;

/** How much of what a session may store is used, as far as whoever looks at it is told. */
export class SessionUsage {
  uses = $state.raw<readonly StorageUseInfo[]>([]);
  /** The limit that is nearly reached. */
  readonly warning = $derived(storageWarning(this.uses));
  #askedAt = 0;

  constructor(private readonly sid: string) {}

  /** After something was sent that takes room. */
  async refresh(): Promise<void> {
    if (Date.now() - this.#askedAt >= FRESH_MS) await this.load();
  }

  async load(): Promise<void> {
    this.#askedAt = Date.now();
    const answer = await api.sessionUsage(this.sid);
    // A warning that cannot be had keeps nobody from writing: what has no room is refused, and says why.
    if (answer.kind === 'ok') this.uses = answer.value.uses;
  }
}
