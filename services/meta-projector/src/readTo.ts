import { consumeStream, type Backbone, type StoredRecord } from '@pizzapi/backbone';

/** Without a record for so long, the end is asked for anew: what was to come may have been deleted meanwhile. */
const SILENCE_MS = 3_000;

export interface ReadToOptions {
  after: number;
  /** Aborts, too, end it. */
  signal: AbortSignal;
  onBatch: (records: StoredRecord[]) => Promise<void>;
}

/** Reads a stream up to what it held when the reading began. Returns the last offset that was read. */
export async function readTo(b: Backbone, stream: string, { after, signal, onBatch }: ReadToOptions): Promise<number> {
  let position = after;
  let reachedEnd = false;
  while (!reachedEnd && !signal.aborted) {
    const round = new AbortController();
    let left = 0;
    let watch: NodeJS.Timeout | undefined;
    const listen = () => {
      clearTimeout(watch);
      watch = setTimeout(() => round.abort(), SILENCE_MS);
    };
    await consumeStream(b, stream, {
      after: position,
      signal: AbortSignal.any([signal, round.signal]),
      onOpen: (pending) => {
        left = pending;
        listen();
        if (left > 0) return;
        reachedEnd = true;
        round.abort();
      },
      onBatch: async (records) => {
        clearTimeout(watch);
        if (round.signal.aborted) return;
        await onBatch(records);
        position = records.at(-1)?.seq ?? position;
        left -= records.length;
        if (left > 0) return listen();
        reachedEnd = true;
        round.abort();
      },
    });
    clearTimeout(watch);
  }
  return position;
}
