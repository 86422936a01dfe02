import type { GrantOutcome } from '@pizzapi/backbone';
import { natsUserOf } from '@pizzapi/protocol';
import type { RunnerHome } from '../home.js';
import type { Assignment, Beginning } from '../link/messages.js';
import { spoolDir } from './closing.js';
import type { SessionRecord } from './records.js';

/** How a session goes on in its next worker: by what its record has of it. */
export function resumption(record: SessionRecord): Beginning {
  const { file, model, name, thinkingLevel, parentSessionId, startedBy, pi } = record;
  return { kind: 'resume', file, model, name, thinkingLevel, parentSessionId, startedBy, pi } as Beginning;
}

/** What a worker is told of the session that it is to host. */
export function assignmentOf(
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
  beginning: Beginning,
): Assignment {
  return {
    ...{ sid, userId, epoch, grant, runnerId, cwd, idleMs, beginning },
    natsUser: natsUserOf({ kind: 'session', sid }),
    spoolDir: spoolDir(home),
    attachmentsDir: home.attachments(sid),
    ...(agentDir === undefined ? {} : { agentDir }),
  };
}
