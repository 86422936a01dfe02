import { existsSync } from 'node:fs';
import { SessionManager } from '@mariozechner/pi-coding-agent';
import { errorInfo } from '@pizzapi/protocol';
import { writeSalvagedCopy } from './file/salvagedCopy.js';
import { checkPiSessionFile, repairOpenEntries } from './sessionFile.js';
import { textOf } from './translate.js';
import type { Outcome } from './types.js';

/**
 * Writes a session file that shares the story of `sessionFile` up to (and without) the user's message `entryId`, or all
 * of it up to now. The running session is left as it is. `text` is the message forked from, to be edited and sent.
 */
export function forkFile(
  sessionFile: string | undefined,
  /** Where the history ends; undefined: at the end of the file. */
  leafId: string | null | undefined,
  entryId: string | undefined,
): Outcome<{ sessionFile?: string; text?: string }> {
  // pi writes the file with the first answer; before that there is nothing to share.
  if (sessionFile === undefined || !existsSync(sessionFile)) {
    if (entryId === undefined) return { kind: 'ok' };
    return { kind: 'failed', error: errorInfo('command_failed', 'The agent has not answered yet') };
  }
  const source = SessionManager.open(sessionFile);
  repairOpenEntries(source);
  const entry = entryId === undefined ? undefined : source.getEntry(entryId);
  let text = {};
  if (entryId !== undefined) {
    if (entry?.type !== 'message' || entry.message.role !== 'user') {
      return { kind: 'failed', error: errorInfo('command_invalid', `"${entryId}" is no message of a person`) };
    }
    text = { text: textOf(entry.message.content) };
  }
  const target = entry === undefined ? (leafId === undefined ? source.getLeafId() : leafId) : entry.parentId;
  if (target === null) return { kind: 'ok', ...text };
  const answered = source.getBranch(target).some((e) => e.type === 'message' && e.message.role === 'assistant');
  if (!answered) return { kind: 'ok', ...text };
  const forked = source.createBranchedSession(target);
  return { kind: 'ok', ...(forked === undefined ? {} : { sessionFile: forked }), ...text };
}

/**
 * As `forkFile`, for a session that is over. Its file is checked first: lines that cannot be read are left out in a copy.
 */
export function forkEndedFile({
  file,
  entryId,
}: {
  file: string;
  entryId?: string;
}): Outcome<{ sessionFile?: string }> {
  if (!existsSync(file)) return { kind: 'failed', error: errorInfo('file_not_found', `There is no file ${file}`) };
  const parsed = checkPiSessionFile(file, { isOwn: true });
  if ('code' in parsed) return { kind: 'failed', error: parsed };
  return forkFile(parsed.needsCopy ? writeSalvagedCopy(file, parsed) : file, undefined, entryId);
}
