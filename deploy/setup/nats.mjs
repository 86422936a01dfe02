import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './run.mjs';
import { ROOT, SetupError } from './say.mjs';

const MAIN = 'schemas/backbone/dist/server/main.js';

/** Makes sure that a nats-server is to be had; the package that launches it knows how. */
export async function nats() {
  if (!existsSync(join(ROOT, MAIN))) throw new SetupError('nats: the step `build` comes first.');
  const { code } = await run(process.execPath, [join(ROOT, MAIN)], { what: 'nats' });
  if (code !== 0) throw new SetupError('nats: there is no nats-server; the lines above say what was tried.');
}
