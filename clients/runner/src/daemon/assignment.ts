import type { GrantOutcome } from '@pizzapi/backbone';
import type { RunnerHome } from '../home.js';
import type { Assignment, SessionStart } from '../ipc/messages.js';
import { spoolDir } from './directLogWriter.js';
import type { SessionRecord } from './records.js';

/** How a session goes on in its next worker: by what its record has of it. */
export function resumeStart(record: SessionRecord): SessionStart {
  const { file, model, name, thinkingLevel, parentSessionId, startedBy, pi } = record;
  return { kind: 'resume', file, model, name, thinkingLevel, parentSessionId, startedBy, pi } as SessionStart;
}

/** What a worker is told of the session that it is to host. */
export function buildAssignment(
  { sid, cwd }: SessionRecord,
  { epoch, userId, grant }: Extract<GrantOutcome, { kind: 'granted' }>,
  {
    home,
    runnerId,
    agentDir,
    idleMs,
  }: Pick<Assignment, 'runnerId' | 'idleMs'> & {
    home: RunnerHome;
    agentDir: string | undefined;
  },
  beginning: SessionStart,
): Assignment {
  return {
    ...{ sid, userId, epoch, grant, runnerId, cwd, idleMs, beginning },
    spoolDir: spoolDir(home),
    attachmentsDir: home.attachments(sid),
    ...(agentDir === undefined ? {} : { agentDir }),
  };
}
