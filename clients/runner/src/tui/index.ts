import { mkdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { createLogger, type Logger } from '@pizzapi/process';
import { runPi } from '../pi/tui/index.js';
import { ShareController, type ShareEnvironment } from './shareController.js';

export type { ShareAccess, ShareLink, ShareEnvironment } from './shareController.js';

/** A log file that is larger than this when a terminal starts is begun anew, bytes. */
const MAX_LOG_BYTES = 1024 * 1024;

export interface TuiOptions extends ShareEnvironment {
  /** pi's own arguments. */
  args: readonly string[];
  env: NodeJS.ProcessEnv;
}

/**
 * pi in this process: its terminal UI with `/share`, or whatever else its arguments ask for. Takes the process over:
 * pi ends it. What it knows of `env` is what the agent's tools see, so no secret of ours may be in there.
 */
export function runTui({ args, env, ...world }: TuiOptions): Promise<void> {
  let opened: Logger | undefined;
  // Not before there is something to say: who never shares may have no home of ours at all.
  const log = () => (opened ??= openLog(world.home));
  return runPi({
    args,
    human: env['PIZZAPI_HUMAN'] !== 'off',
    approvals: env['PIZZAPI_APPROVALS'] === 'ask' ? 'ask' : 'allow',
    hooks: (terminal) => new ShareController(terminal, world, log),
  });
}

/** `<home>/tui/terminal.log`, of all terminals: what they draw on cannot take it. */
function openLog(home: string): Logger {
  const folder = join(home, 'tui');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const file = join(folder, 'terminal.log');
  if ((statSync(file, { throwIfNoEntry: false })?.size ?? 0) > MAX_LOG_BYTES) rmSync(file, { force: true });
  return createLogger({ name: 'terminal', file });
}
