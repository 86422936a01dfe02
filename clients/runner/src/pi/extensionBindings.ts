import type { AgentSession } from '@mariozechner/pi-coding-agent';
import type { SessionParts } from './parts.js';
import { createUiContext } from './uiContext.js';

type Bindings = Parameters<AgentSession['bindExtensions']>[0];

/** What the person's extensions get from a hosted session. */
export function extensionBindings(
  pi: AgentSession,
  { dialogs }: Pick<SessionParts, 'dialogs'>,
  { onShutdown, onError }: { onShutdown: () => void; onError: (text: string) => void },
): Bindings {
  return {
    uiContext: createUiContext(dialogs),
    // One session is one log: an extension may move within its tree, not replace it by another session.
    commandContextActions: {
      waitForIdle: () => pi.agent.waitForIdle(),
      newSession: async () => ({ cancelled: true }),
      fork: async () => ({ cancelled: true }),
      switchSession: async () => ({ cancelled: true }),
      navigateTree: async (targetId, options) => {
        const { cancelled } = await pi.navigateTree(targetId, options);
        return { cancelled };
      },
      reload: () => pi.reload(),
    },
    shutdownHandler: onShutdown,
    onError: ({ extensionPath, error }) => onError(`${extensionPath}: ${error}`),
  };
}
