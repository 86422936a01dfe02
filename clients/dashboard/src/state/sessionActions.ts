import { newId, type SessionInfo } from '@pizzapi/protocol';
import { api } from './client.js';
import { drafts } from './drafts.svelte.js';
import { router } from './router.svelte.js';
import type { SessionView } from './session.svelte.js';
import { toasts } from './toasts.svelte.js';

/** Starts a session that shares the story up to an entry (all of it when none is named), and shows it. */
export async function forkSession(view: SessionView, entryId?: string): Promise<void> {
  const sessionId = newId('s');
  const done = await view.command('fork', { sessionId, ...(entryId === undefined ? {} : { entryId }) });
  if (!done) return;
  // The draft for a session that is over becomes one for its fork.
  if (view.ended) drafts.move(view.sid, sessionId);
  router.go(`/s/${sessionId}`);
}

/** Ends sessions that this one started. Each refusal is shown. */
export async function endSessions(sessions: readonly SessionInfo[]): Promise<void> {
  const sent = await Promise.all(
    sessions.map(({ sessionId }) => api.command(sessionId, { name: 'kill_session', args: {} })),
  );
  for (const outcome of sent) if (outcome.kind === 'failed') toasts.error(outcome.error);
}
