import type { RunnerInfo, SessionInfo } from './info.js';
import { modelInfoOf, modelText } from './modelInfo.js';

/** What the gateway knows of a session beside its entry. What is undefined is left out of what the reader gets. */
export interface SessionSurroundings {
  shareUrl: string;
  /** The name of its runner, when the reader may know it. */
  runnerName?: string | undefined;
  /** The name of its owner, when the reader may know it. */
  userName?: string | undefined;
  /** The viewers that are connected now. */
  viewerCount?: number | undefined;
  /** When the retention rules erase it, in ms. */
  expiresAt?: number | undefined;
}

/**
 * Returns the entry of a session as readers get it: its model in parts, and the fields that readers of the original protocol
 * look for. `modelInfo` is for readers of the release before.
 */
export function withListFields(session: SessionInfo, surroundings: SessionSurroundings): SessionInfo {
  const { shareUrl, ...known } = surroundings;
  const model = modelInfoOf(modelText(session.model));
  return {
    ...session,
    model,
    shareUrl,
    sessionName: session.name,
    isEphemeral: false,
    isActive: session.state !== 'ended' && session.host === 'connected',
    lastHeartbeatAt: session.lastActivityAt,
    modelInfo: model,
    ...Object.fromEntries(Object.entries(known).filter(([, value]) => value !== undefined)),
  };
}

/** The same for a runner. A host of an earlier version, and a terminal, announce no skills and no agents. */
export function withRunnerListFields(runner: RunnerInfo): RunnerInfo {
  const { skills = [], agents = [] } = runner;
  return { ...runner, skills, agents, sessionCount: runner.sessions.length, serviceIds: runner.services };
}
