import { mkdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { createLogger, type Logger } from '@pizzapi/process';

/** A log file that is larger than this when a terminal starts is begun anew, bytes. */
const MAX_LOG_BYTES = 1024 * 1024;

/** Opens `<home>/tui/terminal.log`, of all terminals: what they draw on cannot take it. */
function openLog(home: string): Logger {
  const folder = join(home, 'tui');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const file = join(folder, 'terminal.log');
  if ((statSync(file, { throwIfNoEntry: false })?.size ?? 0) > MAX_LOG_BYTES) rmSync(file, { force: true });
  return createLogger({ name: 'terminal', file });
}

/** The log of the terminals of a home. It is opened when there is something to say: a home may not exist before. */
export function terminalLog(home: string): () => Logger {
  let opened: Logger | undefined;
  return () => (opened ??= openLog(home));
}
