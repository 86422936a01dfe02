import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/** The compiled program of a worker with the bundled pi, also for a program of another package. */
export const workerProgram = (): string =>
  join(dirname(createRequire(import.meta.url).resolve('@pizzapi/runner/main')), 'workerMain.js');
