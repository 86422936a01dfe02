import { decodeInput } from './decoding.js';
import { EXIT, Failure, line, processIo } from './io.js';

const argv = process.argv.slice(2);

// `pizzapi tail … | head` closes our output, which is no failure. A terminal that hangs up is handled elsewhere.
if (!process.stdout.isTTY) {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));
}

process.exitCode = argv.length === 1 && argv[0] === 'decode' ? await decodeOnly() : await runAny();
// An exit would restore the settings of the terminal, and Node aborts when the terminal is gone.
if (process.exitCode === EXIT.hungUp) {
  process.removeAllListeners('SIGHUP');
  process.kill(process.pid, 'SIGHUP');
}

async function runAny(): Promise<number> {
  const { packageVersion } = await import('@pizzapi/process');
  const version = packageVersion(import.meta.url);
  const { becomeTui, terminalArguments } = await import('./commands/tui.js');
  const terminal = terminalArguments(argv);
  if (terminal !== undefined) return becomeTui(terminal, processIo(), version);
  const { runCli } = await import('./program.js');
  return runCli(argv, processIo(), version);
}

/**
 * Runs `decode` as `runCli` does, without loading the other commands, because `nats sub` starts it for every message.
 */
async function decodeOnly(): Promise<number> {
  try {
    await decodeInput(processIo());
    return 0;
  } catch (thrown) {
    if (!(thrown instanceof Failure)) throw thrown;
    line(process.stderr, `${thrown.info.code}: ${thrown.info.message}`);
    return thrown.exitCode;
  }
}
