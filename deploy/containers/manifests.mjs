/**
 * Copies what the installation of packages reads, and nothing else, so that a build of images installs again only after a
 * change of these files: node deploy/containers/manifests.mjs <folder>
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { packageFiles } from '../setup/workspace.mjs';
import { copy, normalize, ROOT } from './files.mjs';

const out = process.argv[2];
if (out === undefined) throw new Error('Usage: node deploy/containers/manifests.mjs <folder>');
for (const file of ['package-lock.json', '.npmrc', 'deploy/setup', ...packageFiles()]) {
  copy(join(ROOT, file), join(out, file));
  // npm links the commands of packages when it installs.
  const bin = file.replace(/package\.json$/, 'bin');
  if (bin !== file && existsSync(join(ROOT, bin))) copy(join(ROOT, bin), join(out, bin));
}
normalize(out);
