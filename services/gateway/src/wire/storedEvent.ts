import { CodedError, decode, isOneMap } from '@pizzapi/protocol';

/** What stands for an event whose bytes cannot be read. A reader passes over a type that it does not know. */
export const UNREADABLE = { type: 'unreadable' } as const;

/** The event of a log. A host may have stored any bytes: those that are not one map are `unreadable`. */
export function readStoredEvent(payload: Uint8Array): unknown {
  if (!isOneMap(payload)) return UNREADABLE;
  try {
    return decode(payload);
  } catch (error) {
    if (error instanceof CodedError) return UNREADABLE;
    throw error;
  }
}
