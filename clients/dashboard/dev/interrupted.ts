import type { SessionInfo } from '@pizzapi/protocol';
import { session } from './lists.js';
import type { Scene } from './scene.js';

/** A session whose host was stopped while the agent wrote. */
const at = Date.now() - 60_000;
const BY = { userId: 'owner', via: 'terminal', name: 'Ada Lovelace' };

export const INTERRUPTED_SESSIONS: readonly SessionInfo[] = [
  session('interrupted', { name: 'Write the release notes', interrupted: true }, 1),
];

export function interruptedScene(): Scene {
  const message = (id: string, role: string, text: string, more: object = {}) => ({
    ...{ type: 'message_end', at, messageId: id, entryId: id },
    message: { role, content: [{ type: 'text', text }], ...more },
  });
  return {
    events: [
      { type: 'agent_start', at },
      { ...message('u1', 'user', 'Write the release notes of 2.4.'), origin: { commandId: 'c1', by: BY } },
      { type: 'run_interrupted', at },
      message('a1', 'assistant', 'The release brings three changes. The first', { stopReason: 'aborted' }),
      { type: 'agent_end', at },
      { type: 'session_resumed', at, epoch: 2 },
    ],
    meta: {},
  };
}
