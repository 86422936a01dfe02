import { removeSecrets, shareEnvironment } from '@pizzapi/runner/access';
import type { Io } from '../io.js';

/**
 * Returns the arguments of pi, or undefined when the arguments are a command of pizzapi. pi gets an empty command line,
 * pi's flags, a file (`@notes.md`), an input of several words, and everything after a `--`.
 */
export function piArguments(argv: readonly string[]): string[] | undefined {
  const [first] = argv;
  if (first === undefined) return [];
  if (first === '--') return argv.slice(1);
  if (['-h', '--help', '-V', '--version'].includes(first)) return undefined;
  return /^[-@]|\s/.test(first) ? [...argv] : undefined;
}

/** Runs pi with `/share` in this process. pi ends the process; when pi only returns, the exit code is pi's. */
export async function becomeTui(args: readonly string[], io: Io, version: string): Promise<number> {
  // Read before the secrets are removed.
  const env = { ...io.env };
  removeSecrets();
  // The version of pi is fixed here, so pi must not offer an update.
  process.env['PI_SKIP_VERSION_CHECK'] ??= '1';
  const { runTui } = await import('@pizzapi/runner/tui');
  await runTui({ args, env, ...shareEnvironment(env, version) });
  return typeof process.exitCode === 'number' ? process.exitCode : 0;
}
