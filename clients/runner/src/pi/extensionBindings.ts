import type { AgentSession } from '@mariozechner/pi-coding-agent';
import type { SessionParts } from './parts.js';
import { createUiContext } from './uiContext.js';

type Bindings = Parameters<AgentSession['bindExtensions']>[0];

/** An extension that has not started after so long, in ms, is reported. */
const SLOW_START_MS = 30_000;

interface ExtensionHooks {
  onShutdown: () => void;
  onError: (text: string) => void;
}

/**
 * Starts the person's extensions. Resolves when they have started. Prompts wait for it: a start that takes long is
 * reported, unless an extension asks a question meanwhile.
 */
export async function bindExtensions(
  pi: AgentSession,
  parts: Pick<SessionParts, 'dialogs' | 'clock' | 'trust'>,
  hooks: ExtensionHooks,
): Promise<void> {
  const cancel = parts.clock.after(SLOW_START_MS, () => {
    if (parts.dialogs.size > 0) return;
    const names = pi.extensionRunner.getExtensionPaths().filter((path) => !path.startsWith('<inline:'));
    hooks.onError(`Prompts wait: an extension has not started for ${SLOW_START_MS / 1_000} s (${names.join(', ')})`);
  });
  try {
    await pi.bindExtensions(extensionBindings(pi, parts, hooks));
  } finally {
    cancel();
  }
}

/** What the person's extensions get from a hosted session. */
function extensionBindings(
  pi: AgentSession,
  { dialogs, trust }: Pick<SessionParts, 'dialogs' | 'trust'>,
  { onShutdown, onError }: ExtensionHooks,
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
      reload: async () => {
        // What the folder has may have come since.
        trust?.check();
        await pi.reload();
      },
    },
    shutdownHandler: onShutdown,
    onError: ({ extensionPath, error }) => onError(`${extensionPath}: ${error}`),
  };
}
