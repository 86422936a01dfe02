import { removeSecrets, shareEnvironment } from '@pizzapi/runner/access';

/** Runs pi with `/share` in this process. pi ends the process; when pi only returns, the exit code is pi's. */
export async function runTerminal(args: readonly string[], given: NodeJS.ProcessEnv, version: string): Promise<number> {
  // Read before the secrets are removed.
  const env = { ...given };
  removeSecrets();
  // A newer pi would be another one than the one that was chosen here.
  process.env['PI_SKIP_VERSION_CHECK'] ??= '1';
  const { runTui } = await import('@pizzapi/runner/tui');
  await runTui({ args, env, ...shareEnvironment(env, version) });
  return typeof process.exitCode === 'number' ? process.exitCode : 0;
}
