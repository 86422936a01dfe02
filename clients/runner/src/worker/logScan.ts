import { replay, type Backbone } from '@pizzapi/backbone';
import { decode, isMap } from '@pizzapi/protocol';

/** Whether a session's log has the result of a command. Reads the whole log, its headers only: for recovery. */
export async function hasResult(b: Backbone, sid: string, commandId: string): Promise<boolean> {
  for await (const batch of replay(b, sid, {})) {
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
  for await (const batch of replay(b, sid, {})) {
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
