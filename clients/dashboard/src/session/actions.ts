import { newId } from '@pizzapi/protocol';
import { router } from '../state/router.svelte.js';
import type { SessionView } from '../state/session.svelte.js';

/** Starts a session that shares the story up to an entry (all of it when none is named), and shows it. */
export async function forkSession(view: SessionView, entryId?: string): Promise<void> {
  const sessionId = newId('s');
  const done = await view.command('fork', { sessionId, ...(entryId === undefined ? {} : { entryId }) });
  if (done) router.go(`/s/${sessionId}`);
}
