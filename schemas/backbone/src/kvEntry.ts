import type { BackboneConnection } from './connection.js';
import { header, isReply, type StoredMessage } from './message.js';
import { LEASES } from './streams.js';

/** The header that makes a message the marker of a deletion. */
export const OPERATION = 'KV-Operation';

/** The state of one key: its last message, and what that means. */
export type KvEntry = { kind: 'value'; message: StoredMessage } | { kind: 'gone'; revision: number };

/** Why this message removed its key, or undefined when it holds a value. */
export function goneReason(message: StoredMessage): 'deleted' | undefined {
  const operation = header(message.text, OPERATION);
  return operation === 'DEL' || operation === 'PURGE' ? 'deleted' : undefined;
}

/** Only leases can be written by a redirected reply, because hosts may publish there. */
export function isForeign(connection: BackboneConnection, name: string, message: StoredMessage): boolean {
  if (name !== LEASES || !isReply(message)) return false;
  connection.counters.foreignMessages++;
  return true;
}
