import { storedBytes, type Backbone, type StoredBytes } from '@pizzapi/backbone';
import { withTimeout } from '@pizzapi/process';
import { MAX_EVENT_BYTES, type StorageUseInfo } from '@pizzapi/protocol';

/** How long an answer of the server counts, in ms. */
const FRESH_MS = 5_000;
/** How long an input waits for an answer, in ms. */
const ANSWER_MS = 2_000;

/** How full the log and the store of all files are, asked of the server no more often than needed. */
export class RelayStorage {
  private asked: { at: number; answer: Promise<{ log: StoredBytes; files: StoredBytes }> } | undefined;

  constructor(private readonly b: Backbone) {}

  async uses(): Promise<StorageUseInfo[]> {
    const { log, files } = await this.read();
    return [
      { of: 'log_of_relay', ...log },
      { of: 'files_of_relay', ...files },
    ];
  }

  /** Whether the backbone can be asked now. */
  get isReachable(): boolean {
    return this.b.status() === 'connected';
  }

  /** Whether the log may lack room for one more event; false when the server does not answer within some seconds. */
  async isLogFull(): Promise<boolean> {
    // A wrong `false` loses nothing: an event without room waits on the disk of its host.
    const answer = await withTimeout(
      this.read().catch(() => undefined),
      ANSWER_MS,
    );
    if (answer === undefined) return false;
    const { used, limit } = answer.log;
    return limit > 0 && used + MAX_EVENT_BYTES > limit;
  }

  private read(): Promise<{ log: StoredBytes; files: StoredBytes }> {
    if (this.asked === undefined || this.asked.at < Date.now() - FRESH_MS) {
      const answer = storedBytes(this.b);
      this.asked = { at: Date.now(), answer };
      // What failed is asked for again.
      answer.catch(() => (this.asked = undefined));
    }
    return this.asked.answer;
  }
}
