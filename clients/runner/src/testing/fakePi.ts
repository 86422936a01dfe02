import { existsSync } from 'node:fs';
import { mkdir, readdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { readPrivateFile } from '@pizzapi/process';
import type { PiInstallation } from '../installation/types.js';

const BUNDLE = fileURLToPath(new URL('../../dist/bundle/workerMain.js', import.meta.url));
const PACKAGE = '@mariozechner/pi-coding-agent';

/** An installation of pi that is the bundled one under another version number, and programs that load it. */
export class FakePi {
  private constructor(
    readonly root: string,
    /** The program for the bundled pi; the loader of the other one is beside it. */
    readonly workerMain: string,
  ) {}

  static async install(folder: string, version: string): Promise<FakePi> {
    const [root, programs] = [join(folder, 'pi'), join(folder, 'programs')];
    await mkdir(root, { recursive: true });
    await mkdir(programs);
    const bundled = bundledFolder();
    for (const name of await readdir(bundled)) {
      if (name !== 'package.json') await symlink(join(bundled, name), join(root, name));
    }
    const load = `await import(${JSON.stringify(pathToFileURL(BUNDLE).href)});\n`;
    await writeFile(join(programs, 'package.json'), '{"type":"module"}');
    await writeFile(join(programs, 'workerMain.js'), load);
    await writeFile(join(programs, 'workerLoader.js'), `${LOADER}${load}`);
    const pi = new FakePi(root, join(programs, 'workerMain.js'));
    await pi.update(version);
    return pi;
  }

  /** Installs another version in the place of this one. A broken one does not load. */
  async update(version: string, { isBroken = false } = {}): Promise<void> {
    const broken = join(this.root, 'broken');
    if (isBroken) await writeFile(broken, '');
    else await rm(broken, { force: true });
    const draft = join(this.root, 'package.json.new');
    await writeFile(draft, JSON.stringify({ name: PACKAGE, version, piConfig: { name: 'pi', configDir: '.pi' } }));
    await rename(draft, join(this.root, 'package.json'));
  }

  async find(): Promise<PiInstallation> {
    const { version } = (await readPrivateFile(join(this.root, 'package.json'))) as { version: string };
    const node = { path: process.execPath, version: process.versions.node };
    return { source: 'option', packageName: PACKAGE, version, root: this.root, node, isTested: true };
  }
}

/** pi reads its version from the folder in PI_PACKAGE_DIR. */
const LOADER = `import { existsSync } from 'node:fs';
const root = process.env.PIZZAPI_PI_ROOT;
if (existsSync(root + '/broken')) throw new Error('Cannot find package pi-ai');
process.env.PI_PACKAGE_DIR = root;
`;

function bundledFolder(): string {
  const folders = createRequire(import.meta.url).resolve.paths(PACKAGE) ?? [];
  const found = folders.map((folder) => join(folder, PACKAGE)).find((folder) => existsSync(folder));
  if (found === undefined) throw new Error('pi is not installed');
  return found;
}
