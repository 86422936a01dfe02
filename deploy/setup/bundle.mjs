import { rmSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ROOT, log, since } from './log.mjs';

/** The folders with a program, and its entry files below `dist`. The bundle of `dist/<entry>` is `dist/bundle/<entry>`. */
export const PROGRAMS = {
  'services/authenticator': ['main.js'],
  'services/gateway': ['main.js'],
  'services/meta-projector': ['main.js'],
  'clients/cli': ['main.js'],
  'clients/runner': ['main.js', 'workerMain.js', 'workerLoader.js'],
  'deploy/local': ['main.js'],
};

/** The programs that are also built with pi left out, for a pi that is installed on the machine: `dist/bundle/external`. */
const ON_ANY_PI = { 'clients/runner': ['workerMain.js'] };
const PI = /^@mariozechner\/pi-/;

/** Packages that load native code, WebAssembly or their own files by their place in node_modules. */
const EXTERNAL = [
  /^node:/,
  /^msgpackr/,
  /^sharp$/,
  /^jiti/,
  /^@silvia-odwyer\/photon-node/,
  /^@mariozechner\/clipboard/,
];

/**
 * pi finds its own files (themes, templates, the packages that it gives to extensions) by `import.meta.url`. In the bundle each of
 * its modules keeps the address that it has in node_modules.
 */
const keepModuleUrls = (folder) => ({
  name: 'keep-module-urls',
  transform: {
    filter: { id: /node_modules\/@mariozechner\/.*\.js$/, code: /import\.meta\.url/ },
    handler: (code, id) => {
      const url = `new URL(${JSON.stringify(relative(folder, id))}, import.meta.url).href`;
      return { code: code.replaceAll('import.meta.url', url), map: null };
    },
  },
});

/**
 * Bundles the compiled programs. Node reads one file instead of about 700, so that a service starts in a third of the
 * processor time.
 */
export async function bundle(folders = Object.keys(PROGRAMS)) {
  const start = Date.now();
  for (const folder of folders) {
    rmSync(join(ROOT, folder, 'dist', 'bundle'), { recursive: true, force: true });
    await write(folder, PROGRAMS[folder], join(ROOT, folder, 'dist', 'bundle'), EXTERNAL);
    if (ON_ANY_PI[folder] !== undefined)
      await write(folder, ON_ANY_PI[folder], join(ROOT, folder, 'dist', 'bundle', 'external'), [...EXTERNAL, PI]);
  }
  log(`build: bundled ${folders.length} programs in ${since(start)}`);
}

async function write(folder, files, to, external) {
  const { rolldown } = await import('rolldown');
  const dist = join(ROOT, folder, 'dist');
  const build = await rolldown({
    input: Object.fromEntries(files.map((file) => [file.replace(/\.js$/, ''), join(dist, file)])),
    platform: 'node',
    external,
    plugins: [keepModuleUrls(to)],
    logLevel: 'warn',
  });
  await build.write({
    ...{ dir: to, format: 'esm', sourcemap: true },
    ...{ entryFileNames: '[name].js', chunkFileNames: '[name]-[hash].js' },
  });
  await build.close();
}

// `node bundle.mjs` in the folder of a package bundles its programs.
if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await bundle(Object.keys(PROGRAMS).filter((folder) => join(ROOT, folder) === process.cwd()));
}
