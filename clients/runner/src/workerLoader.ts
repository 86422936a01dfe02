import { PI_ROOT, usePi } from './loader/index.js';

/** The process of one session on a pi that is installed on this machine. `PIZZAPI_PI_ROOT`: the folder of its package.json. */
const root = process.env[PI_ROOT];
if (root === undefined) {
  process.stderr.write('The runner starts workers; do not start one by hand\n');
  process.exit(1);
}
usePi(root);
// The same program as the bundled worker, with pi left out.
await import(new URL('./external/workerMain.js', import.meta.url).href);
