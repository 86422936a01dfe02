import type { AgentSession } from '@mariozechner/pi-coding-agent';
import { modelName, toRunnerModel } from './models.js';
import type { InputQueue } from './inputQueue.js';
import type { PiSessionState } from './types.js';
import { modelRegistryOf } from './versions/modelRegistry.js';

/** What a session does and has now. */
export function sessionState(
  pi: AgentSession,
  openDialogs: number,
  prompts: Pick<InputQueue, 'waitingTexts'>,
): PiSessionState {
  return {
    isStreaming: pi.isStreaming,
    isCompacting: pi.isCompacting,
    isRetrying: pi.isRetrying,
    isBashRunning: pi.isBashRunning,
    queue: {
      steering: [...pi.getSteeringMessages(), ...prompts.waitingTexts('steer')],
      followUp: [...pi.getFollowUpMessages(), ...prompts.waitingTexts('followUp')],
    },
    openDialogs,
    model: pi.model === undefined ? '' : modelName(pi.model),
    thinkingLevel: pi.thinkingLevel,
    thinkingLevels: pi.getAvailableThinkingLevels(),
    /** Looked up when it is read: pi checks the key of each of its models, and most readers ask what the session does. */
    get models() {
      return modelRegistryOf(pi)
        .getAvailable()
        .map((model) => toRunnerModel(model, true));
    },
  };
}
