/**
 * Names of drafts. The message to a session has the id of the session as its name; an answer to a prompt has
 * `prompt.<session>.<prompt>.<field>`; other forms have a name with a dot.
 */

/** Drafts that one browser keeps. */
export const MAX_DRAFTS = 200;

const PROMPT = 'prompt.';

export function promptDraftKey(sid: string, promptId: string, field: string): string {
  return `${PROMPT}${sid}.${promptId}.${field}`;
}

/** Sessions with an unsent message, the latest first. */
export function draftedSessions(texts: ReadonlyMap<string, string>): string[] {
  return [...texts]
    .filter(([key, text]) => !key.includes('.') && text.trim() !== '')
    .map(([key]) => key)
    .reverse();
}

/** What was written for each prompt of a session, its fields one below the other. */
export function promptDrafts(texts: ReadonlyMap<string, string>, sid: string): { promptId: string; text: string }[] {
  const prefix = `${PROMPT}${sid}.`;
  const found = new Map<string, string[]>();
  for (const [key, text] of [...texts].sort(([a], [b]) => a.localeCompare(b, 'en', { numeric: true }))) {
    if (!key.startsWith(prefix) || text.trim() === '') continue;
    const promptId = key.slice(prefix.length, key.lastIndexOf('.'));
    found.set(promptId, [...(found.get(promptId) ?? []), text]);
  }
  return [...found].map(([promptId, parts]) => ({ promptId, text: parts.join('\n') }));
}

/** The drafts to forget when there are too many: those that were not changed for longest. */
export function oldestDrafts(keys: readonly string[], max: number): readonly string[] {
  return keys.slice(0, Math.max(0, keys.length - max));
}
