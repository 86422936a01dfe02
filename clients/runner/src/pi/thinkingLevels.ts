import type { AgentSession } from '@mariozechner/pi-coding-agent';
import { getSupportedThinkingLevels } from '@mariozechner/pi-ai';
import { THINKING_LEVELS } from '@pizzapi/protocol';

/** A thinking level of the pi that runs. */
export type PiThinkingLevel = Parameters<AgentSession['setThinkingLevel']>[0];

type Opened = Pick<AgentSession, 'agent' | 'sessionManager' | 'settingsManager'>;

const EVERY_LEVEL: Record<string, string> = Object.fromEntries(THINKING_LEVELS.map((level) => [level, level]));

/** The levels that the pi that runs has, from the lowest to the highest. Asked of a model that has them all. */
const LEVELS: readonly PiThinkingLevel[] = getSupportedThinkingLevels({
  ...{ id: '', name: '', api: 'openai-completions', provider: '', baseUrl: '', reasoning: true, input: ['text'] },
  ...{ cost: { input: 0, output: 0, cacheRead: 0, cacheWrite: 0 }, contextWindow: 1, maxTokens: 1 },
  thinkingLevelMap: EVERY_LEVEL,
});

/**
 * The level of the pi that runs for a level of ours: the highest for one that it does not have, such as `max` in pi 0.73,
 * which pi then limits to what the model has. By itself pi 0.73 turns thinking off at a level that it does not know.
 * Undefined for what is no level.
 */
export function toPiThinkingLevel(level: unknown): PiThinkingLevel | undefined {
  const known = LEVELS.find((each) => each === level);
  return known ?? (THINKING_LEVELS.some((each) => each === level) ? LEVELS.at(-1) : undefined);
}

/**
 * Sets the level of a session that pi opened by itself, where its file or the settings of the person name a level that
 * this pi does not have. Neither is written.
 */
export function adoptThinkingLevel({ agent, sessionManager, settingsManager }: Opened): void {
  const { messages, thinkingLevel } = sessionManager.buildSessionContext();
  const wanted: string | undefined = messages.length > 0 ? thinkingLevel : settingsManager.getDefaultThinkingLevel();
  const level = toPiThinkingLevel(wanted);
  if (level === undefined || level === wanted) return;
  const available = getSupportedThinkingLevels(agent.state.model);
  agent.state.thinkingLevel = available.includes(level) ? level : (available.at(-1) ?? 'off');
}
