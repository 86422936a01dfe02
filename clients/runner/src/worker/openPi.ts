import { existsSync } from 'node:fs';
import type { Logger } from '@pizzapi/process';
import type { Assignment, ForkSource } from '../ipc/messages.js';
import { forkEndedFile, openPiSession, type OpenOptions, type PiSession } from '../pi/index.js';
import { refusal } from '../ipc/refusal.js';

/** Opens pi for an assignment. A model that is gone by the time a session is resumed is replaced by pi's own choice. */
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
    ...(name === undefined ? {} : { name }),
    ...(thinkingLevel === undefined ? {} : { thinkingLevel }),
    ...(pi === undefined ? {} : { pi }),
    ...(beginning.kind === 'new' && beginning.salvage === true ? { salvage: true } : {}),
    isResumed: beginning.kind === 'resume',
    continuesInterrupted: process.env['PIZZAPI_INTERRUPTED'] === 'continue',
    linked: { sessionId: sid, parentSessionId, startedBy },
  };
  const opened = await openPiSession(model === undefined ? options : { ...options, model });
  if (opened.kind === 'opened') return opened.session;
  if (beginning.kind === 'new' || model === undefined) throw refusal(opened.error);
  log.warn({ model, error: opened.error }, 'model of the session is no longer available');
  const again = await openPiSession(options);
  if (again.kind === 'opened') return again.session;
  throw refusal(again.error);
}

/** A new file with the history of a session that is over; undefined where it has none. */
function copiedFrom(branch: ForkSource): string | undefined {
  const forked = forkEndedFile(branch);
  if (forked.kind === 'failed') throw refusal(forked.error);
  return forked.sessionFile;
}
