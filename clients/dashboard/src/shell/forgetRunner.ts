import { api } from '../state/client.js';
import { toasts } from '../state/toasts.svelte.js';
import type { RunnerGroup } from '../model/grouping.js';
import type { Question } from '../ui/Confirm.svelte';

/** Returns the question before a runner that is offline is forgotten. The list changes when the gateway reports it. */
export function forgetRunner({ runnerId, name }: Pick<RunnerGroup, 'runnerId' | 'name'>): Question {
  return {
    title: `Forget “${name}”?`,
    text: 'It leaves your list, and its token is revoked. Its sessions stay readable. To use the machine again, pair it anew.',
    yes: 'Forget runner',
    run: () => void forget(runnerId),
  };
}

async function forget(runnerId: string): Promise<void> {
  const reply = await api.forgetRunner(runnerId);
  if (reply.kind === 'failed') toasts.error(reply.error);
  else if (reply.value.tokenRevoked) toasts.info('Runner forgotten, and its token revoked.');
  else toasts.info('Runner forgotten. Its token is not revoked, because another runner uses it.');
}
