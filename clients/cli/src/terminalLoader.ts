import { PI_ROOT, usePi } from '@pizzapi/runner/loader';
import { NOT_LOADED } from './runOnPi.js';

/** The process of pi's own terminal, on a pi that is installed on this machine. */
const isMain = (value: unknown): value is { main: () => Promise<void> } =>
  typeof value === 'object' && value !== null && 'main' in value && typeof value.main === 'function';

// Without its parent, this process would stay behind in a terminal that is another program's.
process.on('disconnect', () => process.kill(process.pid, 'SIGTERM'));
process.channel?.unref();

try {
  usePi(process.env[PI_ROOT] ?? '');
  const program: unknown = await import(new URL('./external/terminalMain.js', import.meta.url).href);
  delete process.env[PI_ROOT];
  if (!isMain(program)) throw new Error('The program of the terminal is not built');
  await program.main();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(NOT_LOADED);
}
