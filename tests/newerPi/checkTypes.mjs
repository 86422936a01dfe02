import { spawnSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { newerPi, newerPiPrefix } from '../../deploy/setup/newerPi.mjs';
import { ROOT } from '../../deploy/setup/log.mjs';

/**
 * Checks the types of the adapter against pi 1.x: its sources import the packages of pi 0.73, and `paths` has the names
 * mean those of pi 1.x. What draws the terminal client is left out: it always draws with the library that is bundled.
 */
await newerPi();
const pi = join(newerPiPrefix(), 'lib', 'node_modules', '@earendil-works');
const names = ['pi-coding-agent', 'pi-ai', 'pi-tui', 'pi-agent-core'];
const config = join(ROOT, 'tsconfig.newerPi.json');
writeFileSync(
  config,
  JSON.stringify({
    extends: './tsconfig.test.json',
    compilerOptions: {
      customConditions: ['@pizzapi/source'],
      paths: Object.fromEntries(names.map((name) => [`@mariozechner/${name}`, [join(pi, name, 'dist', 'index.d.ts')]])),
    },
    include: ['clients/runner/src/**/*.ts'],
    exclude: ['clients/runner/src/pi/terminal/**', '**/dist', '**/node_modules'],
  }),
);
const compiler = join(ROOT, 'node_modules/@typescript/native/bin/tsc');
const { stdout, status } = spawnSync(process.execPath, [compiler, '-p', config], { cwd: ROOT, encoding: 'utf8' });
rmSync(config);
const isOfTerminalClient = (line) => /^clients\/(cli\/src\/attach|runner\/src\/pi\/terminal)\//.test(line);
// An error may continue on indented lines.
let isShown = false;
const shown = stdout.split('\n').filter((line) => {
  if (!line.startsWith(' ')) isShown = line !== '' && !isOfTerminalClient(line);
  return isShown;
});
if (shown.length > 0) console.log(shown.join('\n'));
else if (status !== 0 && stdout === '') console.log(`The compiler failed with exit code ${status}`);
process.exitCode = shown.length > 0 || (status !== 0 && stdout === '') ? 1 : 0;
