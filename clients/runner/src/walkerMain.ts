import { runWalker } from './daemon/files/search/walker.js';

/** The process that searches files on a host without ripgrep: started by the daemon, in the folder to search. */
const asked = process.argv[2];
if (asked === undefined) {
  process.stderr.write('The runner starts this process; do not start it by hand\n');
  process.exit(1);
}
// The daemon that has gone reads nothing any more.
process.stdout.on('error', () => process.exit(0));
await runWalker(asked, process.stdin, (text) =>
  process.stdout.write(text) ? undefined : new Promise<void>((resolve) => process.stdout.once('drain', resolve)),
);
