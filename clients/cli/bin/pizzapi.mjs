#!/usr/bin/env node
// Committed, not built: npm links a command when it installs, which is before anything is built.
import { existsSync } from 'node:fs';

const main = new URL('../dist/bundle/main.js', import.meta.url);
if (existsSync(main)) {
  await import(main.href);
} else {
  process.stderr.write('not_built: PizzaPi is not built yet. Build the project once with `npm run build`.\n');
  process.exitCode = 1;
}
