import { packageVersion } from '@pizzapi/process';
import { runTerminal } from './terminal.js';

/** Runs pi with `/share` in this process, on the pi that the loader has chosen. */
export async function main(): Promise<void> {
  process.exitCode = await runTerminal(process.argv.slice(2), process.env, packageVersion(import.meta.url));
}
