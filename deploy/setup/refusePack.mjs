import { log } from './log.mjs';

// npm would pack the sources' package.json, whose dependencies are packages of this checkout.
log(
  'pack: Run `npm run pack` in the root. It makes clients/cli/dist/install/pizzapi.tgz, which has what a host needs.',
);
process.exitCode = 1;
