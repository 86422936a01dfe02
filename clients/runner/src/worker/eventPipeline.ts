import type { SessionWriter } from '@pizzapi/backbone';
import {
  externalize,
  newId,
  placeBlobs,
  type BlobRef,
  type CodedError,
  type ExternalPart,
  type PlacedBlob,
  type SessionEvent,
  type TraceContext,
} from '@pizzapi/protocol';
import type { Logger } from '@pizzapi/process';
import type { BlobSpool } from './blobSpool.js';

export interface EventPipelineOptions {
  writer: Pick<SessionWriter, 'append' | 'onSpool' | 'spool' | 'settled'>;
  blobs: Pick<BlobSpool, 'keep' | 'onRefused'>;
  /** The trace that an event belongs to. Asked in the order of the log, for the first event again while the spool is full. */
  traceOf?(event: SessionEvent): TraceContext | undefined;
  /** The spool is full (true), or has room again (false): the session pauses meanwhile. */
  onFull(full: boolean): void;
  log: Logger;
}

/**
 * Passes events to the writer, which has each in the spool before the call returns. Strings that are too long become
 * blobs first. The order is the order of the calls. An event waits here for its own blobs, and while the spool is full;
 * a full spool pauses the session, so that the number of waiting events is bounded.
 */
export class EventPipeline {
  private readonly waiting: SessionEvent[] = [];
  /** Events whose blobs are stored already. */
  private readonly placed = new WeakSet<SessionEvent>();
  private holding = false;
  private full = false;
  private onEmpty: (() => void)[] = [];
  /** Notices that wait for the first event, because a log does not begin with them. */
  private noticesBeforeFirstEvent: SessionEvent[] | undefined = [];

  constructor(private readonly options: EventPipelineOptions) {
    options.writer.onSpool(({ full }) => this.spoolChanged(full));
    options.blobs.onRefused((blob, why) => {
      const notice = refusalNotice(blob, why);
      if (this.noticesBeforeFirstEvent === undefined) this.push(notice);
      else this.noticesBeforeFirstEvent.push(notice);
    });
  }

  push(event: SessionEvent): void {
    this.waiting.push(event, ...(this.noticesBeforeFirstEvent ?? []));
    this.noticesBeforeFirstEvent = undefined;
    this.drain();
  }

  /** Resolves when everything pushed is on disk or in the log. */
  async flushed(): Promise<void> {
    if (this.waiting.length > 0) await new Promise<void>((resolve) => this.onEmpty.push(resolve));
  }

  private drain(): void {
    while (!this.holding && !this.full) {
      const event = this.waiting[0];
      if (event === undefined) break;
      if (this.placed.has(event)) {
        this.submit(event);
        continue;
      }
      const { event: smaller, parts } = externalize(event);
      if (parts.length === 0) this.submit(event);
      else this.hold(smaller, parts);
    }
    if (this.waiting.length > 0) return;
    for (const resolve of this.onEmpty.splice(0)) resolve();
  }

  private submit(event: SessionEvent): void {
    // The writer says synchronously, through `onSpool`, when it cannot take an event: then it stays the first here.
    const outcome = this.options.writer.append(event, this.options.traceOf?.(event));
    outcome.catch((error: unknown) => this.options.log.error({ err: error, type: event.type }, 'event refused'));
    if (!this.full) this.waiting.shift();
  }

  private hold(event: SessionEvent, parts: ExternalPart[]): void {
    this.holding = true;
    void this.storeBlobs(event, parts).then((placed) => {
      this.placed.add(placed);
      this.waiting[0] = placed;
      this.holding = false;
      this.drain();
    });
  }

  /** Returns the event with its blobs stored; the unchanged event, and a log line, when the disk fails. */
  private async storeBlobs(event: SessionEvent, parts: ExternalPart[]): Promise<SessionEvent> {
    try {
      const kept = await Promise.all(parts.map(({ bytes, mediaType }) => this.options.blobs.keep(bytes, mediaType)));
      await Promise.all(kept.map(({ stored }) => stored));
      const blobs: PlacedBlob[] = kept.map(({ ref }, index) => ({ path: parts[index]!.path, ...ref }));
      return placeBlobs(event, blobs);
    } catch (error) {
      this.options.log.error({ err: error, type: event.type }, 'long content could not be stored');
      return event;
    }
  }

  private spoolChanged(full: boolean): void {
    if (this.full === full) return;
    this.full = full;
    this.options.onFull(full);
    if (!full) queueMicrotask(() => this.drain());
  }
}

/** What people read where a blob will not be found. */
function refusalNotice({ size, mediaType }: BlobRef, { code, message }: CodedError): SessionEvent {
  const much = `${(size / 1024 / 1024).toFixed(1)} MiB`;
  const isPicture = mediaType.startsWith('image/');
  const what = isPicture ? `A picture of ${much} could not be stored` : `Content of ${much} could not be stored`;
  const rest = isPicture ? '' : ' Only its beginning is shown.';
  const title = code === 'storage_full' ? `${what}.${rest} ${message}` : `${what}: it is too large, or damaged.${rest}`;
  return { type: 'dialog_opened', at: Date.now(), dialogId: newId('d'), method: 'notify', level: 'warning', title };
}
