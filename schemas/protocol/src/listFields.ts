import type { RunnerInfo, SessionInfo } from './info.js';
import { modelInfoOf, modelText } from './modelInfo.js';

/** What the gateway knows of a session beside its entry. */
export interface SessionSurroundings {
  shareUrl: string;
  /** The name of its runner, when the reader may know it. */
  runnerName?: string | undefined;
}

/** Returns the entry of a session with the fields that readers of the original protocol look for. */
export function withListFields(session: SessionInfo, { shareUrl, runnerName }: SessionSurroundings): SessionInfo {
  return {
    ...session,
    shareUrl,
    sessionName: session.name,
    isEphemeral: false,
    isActive: session.state !== 'ended' && session.host === 'connected',
    lastHeartbeatAt: session.lastActivityAt,
    modelInfo: modelInfoOf(modelText(session.model)),
    ...(runnerName === undefined ? {} : { runnerName }),
  };
}

/** The same for a runner. */
export function withRunnerListFields(runner: RunnerInfo): RunnerInfo {
  return { ...runner, sessionCount: runner.sessions.length, serviceIds: runner.services };
}
