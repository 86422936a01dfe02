import { replay, storedIdsAfter, type Backbone, type StoredIds } from '@pizzapi/backbone';
import { decode, isMap } from '@pizzapi/protocol';

/** Message ids in one answer. */
export const MAX_IDS = 2_000;

/** Whether a session's log has the result of a command. */
export async function hasResult(b: Backbone, sid: string, commandId: string): Promise<boolean> {
  for await (const batch of replay(b, sid)) {
    for (const { type, payload } of batch) {
      if (type !== 'command_result') continue;
      const event = decode(payload);
      if (isMap(event) && event['commandId'] === commandId) return true;
    }
  }
  return false;
}

/** The last offset before the message that is the entry `entryId` of pi's file, or undefined when none is. */
export async function seqBefore(b: Backbone, sid: string, entryId: string): Promise<number | undefined> {
  let last = 0;
  let beforeMessage = 0;
  for await (const batch of replay(b, sid)) {
    for (const { seq, type, payload } of batch) {
      if (type === 'message_start') beforeMessage = last;
      last = seq;
      if (type !== 'message_end') continue;
      const event = decode(payload);
      if (isMap(event) && event['entryId'] === entryId) return beforeMessage;
    }
  }
  return undefined;
}

/** The message ids of a session's log after an offset, as many as one answer holds. */
export function idsAfter(b: Backbone, sid: string, after: number): Promise<StoredIds> {
  return storedIdsAfter(b, sid, after, { limit: MAX_IDS });
}
