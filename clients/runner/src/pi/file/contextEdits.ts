import { isMap, type UnknownMap } from '@pizzapi/protocol';

/** The content that an edit puts in place of the original; null leaves the entry out. */
type Replacement = { content: unknown } | null;

/** What is left of an entry that an edit leaves out. Its usage still counts. */
const LEFT_OUT = 'pizzapi.left_out';

/**
 * Applies the `context_edit` entries of pi 1.x: each redacts an earlier entry, or leaves it out. pi keeps the original in
 * its file and hides it from the model. Here it is hidden from people and from a pi that does not know these entries, too.
 * Changes the entries in place, and not the file. Safe to do again.
 *
 * The edit on the way to the last entry counts, as in pi. An edit on another branch counts where there is no such edit:
 * what was redacted once is not shown again. Returns whether there was an edit.
 */
export function applyContextEdits(entries: readonly UnknownMap[]): boolean {
  const edits = new Map<unknown, Replacement>();
  const onBranch = branchOf(entries);
  const all = entries.filter(({ type }) => type === 'context_edit');
  for (const edit of [...all.filter(({ id }) => !onBranch.has(id)), ...all.filter(({ id }) => onBranch.has(id))]) {
    edits.set(edit['targetId'], replacementOf(edit));
  }
  if (edits.size === 0) return false;
  for (const entry of entries) {
    const replacement = edits.get(entry['id']);
    if (replacement === undefined) continue;
    if (replacement === null) leaveOut(entry);
    else replace(entry, replacement.content);
  }
  return true;
}

/** The replacement of an edit; an edit that cannot be read leaves its target out. */
function replacementOf({ replacement }: UnknownMap): Replacement {
  return isMap(replacement) && 'content' in replacement ? { content: replacement['content'] } : null;
}

/** The ids of the entries from the last one up to the root. */
function branchOf(entries: readonly UnknownMap[]): ReadonlySet<unknown> {
  const byId = new Map(entries.map((entry) => [entry['id'], entry]));
  const ids = new Set<unknown>();
  for (let entry = entries.at(-1); entry !== undefined && !ids.has(entry['id']);) {
    ids.add(entry['id']);
    entry = byId.get(entry['parentId']);
  }
  return ids;
}

const EDITABLE_ROLES: ReadonlySet<unknown> = new Set(['user', 'assistant', 'toolResult', 'custom']);

function replace(entry: UnknownMap, content: unknown): void {
  const { type, message } = entry;
  if (type === 'custom_message') return redact(entry, content);
  if (type !== 'message' || !isMap(message) || !EDITABLE_ROLES.has(message['role'])) return;
  const isList = message['role'] === 'assistant' || message['role'] === 'toolResult';
  // The message may be shared with pi, which keeps the original: it is replaced, not changed.
  const edited = { ...message };
  redact(edited, isList && typeof content === 'string' ? [{ type: 'text', text: content }] : content);
  entry['message'] = edited;
}

/** What tools and extensions note beside the content may say the same words. */
function redact(holder: UnknownMap, content: unknown): void {
  holder['content'] = content;
  delete holder['details'];
}

/** Keeps the entry in the tree, where other entries hang on it, with nothing but what it has used. */
function leaveOut(entry: UnknownMap): void {
  const { id, parentId, timestamp, message, usage } = entry;
  const used = isMap(message) ? message['usage'] : usage;
  for (const key of Object.keys(entry)) delete entry[key];
  Object.assign(entry, { type: 'custom', id, parentId, timestamp, customType: LEFT_OUT });
  if (isMap(used)) entry['usage'] = used;
}
