import { JetStreamApiError } from '@nats-io/jetstream';
import { CodedError, decode, isMap, stringAt, type AuditedChange } from '@pizzapi/protocol';
import type { BackboneConnection } from '../connection.js';
import { batchOf } from '../direct.js';
import type { StoredMessage } from '../message.js';
import { retryUntilDeadline } from '../retryDelay.js';

/** Messages and bytes that one request reads. */
const PAGE = 256;
const PAGE_BYTES = 4 * 1024 * 1024;
/** The server's code for a message that is gone already. */
const NO_MESSAGE: readonly number[] = [10037, 10043, 10057];

/** Yields the messages of a subject, which may be a pattern, from an offset on. Throws `unavailable` after ten seconds. */
export async function* messagesOn(
  connection: BackboneConnection,
  stream: string,
  subject: string,
  from = 1,
): AsyncGenerator<StoredMessage, void, void> {
  for (let seq = from; ;) {
    const at = seq;
    const { messages, pending } = await retryUntilDeadline(async () => {
      const batch = await batchOf(connection, stream, subject, at, PAGE, PAGE_BYTES);
      return batch.kind === 'unavailable' ? undefined : batch;
    });
    yield* messages;
    const last = messages.at(-1);
    if (last === undefined || pending === 0) return;
    seq = last.seq + 1;
  }
}

/**
 * Removes the messages of a subject that match, and has the server overwrite their bytes. Returns how many there were.
 * Needs the provisioner's login.
 */
export async function removeMessages(
  connection: BackboneConnection,
  {
    stream,
    subject,
    matches,
  }: { stream: string; subject: string; matches: (value: Record<string, unknown>) => boolean },
): Promise<number> {
  let removed = 0;
  for await (const { seq, payload } of messagesOn(connection, stream, subject)) {
    const value = decoded(payload);
    if (value === undefined || !matches(value)) continue;
    if (await eraseMessage(connection, stream, seq)) removed++;
  }
  return removed;
}

async function eraseMessage({ jsm }: BackboneConnection, stream: string, seq: number): Promise<boolean> {
  try {
    return await jsm.streams.deleteMessage(stream, seq, true);
  } catch (error) {
    if (error instanceof JetStreamApiError && NO_MESSAGE.includes(error.code)) return false;
    throw error;
  }
}

/** The map that a message holds, or undefined for another value. */
export function decoded(payload: Uint8Array): Record<string, unknown> | undefined {
  try {
    const value = decode(payload);
    return isMap(value) ? value : undefined;
  } catch (error) {
    if (error instanceof CodedError) return undefined;
    throw error;
  }
}

/** Whether a command or an event of a runner is about a session: it names it, or creates it. Pure. */
export function concernsSession(value: Record<string, unknown>, isErased: (sid: string) => boolean): boolean {
  const args = value['args'];
  const named = stringAt(value, 'sessionId');
  if (named !== undefined) return isErased(named);
  const created = isMap(args) ? stringAt(args, 'sessionId') : undefined;
  return created !== undefined && isErased(created);
}

/** Fields of rows of the audit log that name an account, and those with a text that a person chose. */
const ACCOUNT_FIELDS = ['userId', 'account', 'grantee', 'target'] as const;
const TEXT_FIELDS = ['name', 'guest', 'grantedAs', 'note', 'label', 'email', 'host'] as const;
/** Those of a request to a runner: command lines, and paths on a machine of the account. */
const TEXTS_OF_CALL: Readonly<Record<keyof AuditedChange, boolean>> = {
  ...{ path: true, to: true, command: true, cwd: true },
  ...{ sessionId: false, target: false },
};

/** In these rows the field `name` is that of a command. */
const NAMING_COMMANDS: ReadonlySet<unknown> = new Set(['command', 'input']);

/** Whether a row of the audit log has a text that an erased account chose, or by which it was named. Pure. */
export function namesAccount(row: Record<string, unknown>, isErased: (userId: string) => boolean): boolean {
  const isAbout = ACCOUNT_FIELDS.some((field) => {
    const id = stringAt(row, field);
    return id !== undefined && isErased(id);
  });
  return isAbout && textFieldsOf(row).some((field) => row[field] !== undefined);
}

function textFieldsOf({ kind }: Record<string, unknown>): string[] {
  const ofCall = kind === 'runner_call' ? Object.entries(TEXTS_OF_CALL).filter(([, isText]) => isText) : [];
  const fields = NAMING_COMMANDS.has(kind) ? TEXT_FIELDS.filter((field) => field !== 'name') : TEXT_FIELDS;
  return [...fields, ...ofCall.map(([field]) => field)];
}
