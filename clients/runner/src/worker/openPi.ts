import { existsSync } from 'node:fs';
import type { Logger } from '@pizzapi/process';
import type { Assignment, ForkSource } from '../ipc/messages.js';
import { forkEndedFile, openPiSession, type OpenOptions, type PiSession } from '../pi/index.js';
import { refusal } from '../ipc/refusal.js';

/**
 * Opens pi for an assignment. A session that is resumed or forked opens also when its model is gone by then: its history
 * can be read, and a person chooses the next model.
 */
export async function openPi(
  { sid, cwd, agentDir, beginning }: Assignment,
  around: Required<Pick<OpenOptions, 'sink' | 'linkEnd' | 'onShutdownRequested' | 'onStep'>>,
  log: Logger,
): Promise<PiSession> {
  const { model, name, thinkingLevel, pi, parentSessionId, startedBy } = beginning;
  const branch = beginning.kind === 'new' ? beginning.branch : undefined;
  const file = branch === undefined ? beginning.file : copiedFrom(branch);
  const options: OpenOptions = {
    cwd,
    ...around,
    onBug: (error) => log.error({ err: error }, 'a bug in the adapter'),
    ...(agentDir === undefined ? {} : { agentDir }),
    ...(file === undefined || (beginning.kind === 'resume' && !existsSync(file)) ? {} : { sessionFile: file }),
    ...(model === undefined ? {} : { model }),
    modelMayBeMissing: beginning.kind === 'resume' || beginning.forkedFrom !== undefined,
    ...(name === undefined ? {} : { name }),
    ...(thinkingLevel === undefined ? {} : { thinkingLevel }),
    ...(pi === undefined ? {} : { pi }),
    ...(beginning.kind === 'new' && beginning.salvage === true ? { salvage: true } : {}),
    isResumed: beginning.kind === 'resume',
    continuesInterrupted: process.env['PIZZAPI_INTERRUPTED'] === 'continue',
    linked: { sessionId: sid, parentSessionId, startedBy },
  };
  const opened = await openPiSession(options);
  if (opened.kind === 'opened') return opened.session;
  throw refusal(opened.error);
}

/** A new file with the history of a session that is over; undefined where it has none. */
function copiedFrom(branch: ForkSource): string | undefined {
  const forked = forkEndedFile(branch);
  if (forked.kind === 'failed') throw refusal(forked.error);
  return forked.sessionFile;
}
