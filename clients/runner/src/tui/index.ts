import type { ShareEnvironment } from '../access/index.js';
import { describeLoadedPi, describeTerminalPi } from '../installation/index.js';
import { loadedPi } from '../pi/index.js';
import { runPi } from '../pi/tui/index.js';
import { ShareController } from './shareController.js';
import { terminalLog } from './terminalLog.js';

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
  const log = terminalLog(world.home);
  const pi = {
    runner: describeTerminalPi(loadedPi()),
    session: describeLoadedPi(loadedPi()),
  };
  return runPi({
    args,
    human: env['PIZZAPI_HUMAN'] !== 'off',
    approvals: env['PIZZAPI_APPROVALS'] === 'ask' ? 'ask' : 'allow',
    hooks: (terminal) => new ShareController(terminal, { ...world, pi }, log),
  });
}
