import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './run.mjs';
import { ROOT, SetupError } from './log.mjs';

const MAIN = 'deploy/nats-server/dist/bundle/main.js';

/** Finds a nats-server, or downloads or builds one. Needs the step `programs`. */
export async function nats() {
  if (!existsSync(join(ROOT, MAIN))) throw new SetupError('nats: run the step `programs` first.');
  const { code } = await run(process.execPath, [join(ROOT, MAIN)], { what: 'nats' });
  if (code !== 0) throw new SetupError('nats: found no nats-server; see the reasons above.');
}
