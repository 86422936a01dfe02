import { rmSync, writeFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ROOT, SetupError, log, since } from './log.mjs';
import { neededPackages, packagesOf } from './chunks.mjs';

/** The program that finds nats-server. It is built first, because a download takes long and needs no processor. */
export const NATS_SERVER = 'deploy/nats-server';

/** The folders with a program, and its entries. The bundle of `src/<entry>.ts` is `dist/bundle/<entry>.js`. */
const PROGRAMS = {
  [NATS_SERVER]: ['main'],
  'services/authenticator': ['main'],
  'services/gateway': ['main'],
  'services/meta-projector': ['main'],
  'clients/cli': ['main', 'terminalLoader'],
  'clients/runner': ['main', 'workerMain', 'workerLoader', 'ptyMain', 'walkerMain'],
  'deploy/local': ['main', 'migrateMain', 'credentialsMain', 'maintenance/maintenanceMain'],
  'deploy/cluster': ['main', 'provisionMain', 'loadBalancerMain'],
};

/** The folders whose programs are in the package for hosts. */
const HOST = ['clients/cli', 'clients/runner'];

/** The programs that are also built with pi left out, for a pi that is installed on the machine: `dist/bundle/external`. */
const ON_ANY_PI = { 'clients/cli': ['terminalMain'], 'clients/runner': ['workerMain'] };
const PI = /^@mariozechner\/pi-/;
/** The SDK of pi: what runs an agent. `pi-tui` draws and runs none. */
const AGENT = /^@(mariozechner|earendil-works)\/pi-(coding-agent|agent-core|ai)$/;
/** Programs that load no agent. The command line has parts that do, each in a module that is loaded on demand. */
const WITHOUT_AGENT = {
  'clients/cli': { entry: 'main', except: /\/runner\/src\/(pi\/terminal|tui)\/index\.ts$/ },
  'clients/runner': { entry: 'main' },
  'deploy/local': { entry: 'main' },
};
/**
 * The package for people's own pi: one file that needs nothing but Node. What it uses of pi comes from the interface of
 * extensions.
 */
const PI_PACKAGE = 'clients/pi-package';

/** The file beside a bundle that lists the npm packages which it loads from node_modules. */
export const NEEDED = 'packages.json';

/** Packages that load native code, WebAssembly or their own files by their place in node_modules. */
const EXTERNAL = [
  /^node:/,
  /^msgpackr/,
  /^sharp$/,
  /^@silvia-odwyer\/photon-node/,
  /^@mariozechner\/clipboard/,
  /^@lydell\/node-pty/,
];

/**
 * pi finds its own files (themes, templates, the packages that it gives to extensions) by `import.meta.url`. In the bundle each of
 * its modules keeps the address that it has in node_modules. The program looks for the package above its own folder, so that
 * it finds it in a checkout and in an installed package.
 */
const MODULE_URL = '\0module-url';
const keepModuleUrls = {
  name: 'keep-module-urls',
  resolveId: { filter: { id: /^\0module-url$/ }, handler: () => MODULE_URL },
  load: {
    filter: { id: /^\0module-url$/ },
    handler: () => `import { existsSync } from 'node:fs';
      export function moduleUrl(path) {
        for (let folder = new URL('.', import.meta.url); ; folder = new URL('..', folder)) {
          const url = new URL('node_modules/' + path, folder);
          if (existsSync(url)) return url.href;
          if (folder.pathname === '/' || folder.href === new URL('..', folder).href)
            throw new Error(path + ' is not installed beside PizzaPi. Install PizzaPi again.');
        }
      }`,
  },
  transform: {
    filter: { id: /node_modules\/@mariozechner\/.*\.js$/, code: /import\.meta\.url/ },
    handler: (code, id) => {
      const url = `__moduleUrl(${JSON.stringify(id.slice(id.lastIndexOf('node_modules/') + 'node_modules/'.length))})`;
      const own = code.replaceAll('import.meta.url', url);
      return { code: `import { moduleUrl as __moduleUrl } from ${JSON.stringify(MODULE_URL)};\n${own}`, map: null };
    },
  },
};

/**
 * pi loads the code of its extensions by jiti, and imports the form of jiti that brings Babel along. Both together took a
 * third of the processor time that a worker takes to start. Here they are loaded for the first extension.
 */
const JITI = '\0jiti-on-demand';
const jitiOnDemand = {
  name: 'jiti-on-demand',
  resolveId: { filter: { id: /^jiti(\/static)?$/ }, handler: () => JITI },
  load: {
    filter: { id: /^\0jiti-on-demand$/ },
    handler: () => `import { createRequire } from 'node:module';
      const require = createRequire(import.meta.url);
      export const createJiti = (...options) => require('jiti').createJiti(...options);`,
  },
};

/**
 * pi colours code in a terminal, which a worker never does, and for that loads and registers 190 languages at its start. Here
 * they are loaded from node_modules for the first text.
 */
const HIGHLIGHT = '\0highlight-on-demand';
const highlightOnDemand = {
  name: 'highlight-on-demand',
  resolveId: { filter: { id: /^cli-highlight$/ }, handler: () => HIGHLIGHT },
  load: {
    filter: { id: /^\0highlight-on-demand$/ },
    handler: () => `import { createRequire } from 'node:module';
      import { moduleUrl } from ${JSON.stringify(MODULE_URL)};
      let loaded;
      const load = () =>
        (loaded ??= createRequire(moduleUrl('@mariozechner/pi-coding-agent/package.json'))('cli-highlight'));
      export const highlight = (...options) => load().highlight(...options);
      export const supportsLanguage = (name) => load().supportsLanguage(name);`,
  },
};

/** Our packages are read from their sources, with the conditions of the tests. The bundler removes the types; `npm run types` checks them. */
const FROM_SOURCES = {
  conditionNames: ['@pizzapi/source', 'module', 'node'],
  extensionAlias: { '.js': ['.ts', '.js'] },
};

/** Bundles all programs, those of a host first. `onHostBundled` runs beside the rest, and this waits for its result. */
export async function bundleAll(onHostBundled) {
  const start = Date.now();
  const others = Object.keys(PROGRAMS).filter((folder) => folder !== NATS_SERVER && !HOST.includes(folder));
  for (const folder of HOST) await bundle(folder);
  const beside = onHostBundled();
  // The caller handles a failure when the rest is bundled.
  beside.catch(() => {});
  for (const folder of others) await bundle(folder);
  await bundlePiPackage();
  log(`build: bundled ${HOST.length + others.length + 1} programs in ${since(start)}`);
  await beside;
}

/**
 * Bundles the programs of a folder. Node reads one file instead of about 700, so that a service starts in a third of the
 * processor time.
 */
export async function bundle(folder) {
  const to = join(ROOT, folder, 'dist', 'bundle');
  rmSync(to, { recursive: true, force: true });
  const output = await write(folder, PROGRAMS[folder], to, EXTERNAL);
  checkAgent(folder, output);
  if (ON_ANY_PI[folder] !== undefined)
    output.push(...(await write(folder, ON_ANY_PI[folder], join(to, 'external'), [...EXTERNAL, PI])));
  writeFileSync(join(to, NEEDED), `${JSON.stringify(neededPackages(output))}\n`);
}

async function write(folder, entries, to, external) {
  const { rolldown } = await import('rolldown');
  const build = await rolldown({
    input: Object.fromEntries(entries.map((entry) => [entry, join(ROOT, folder, 'src', `${entry}.ts`)])),
    platform: 'node',
    external,
    resolve: FROM_SOURCES,
    plugins: [jitiOnDemand, highlightOnDemand, keepModuleUrls],
    logLevel: 'warn',
  });
  const { output } = await build.write({
    ...{ dir: to, format: 'esm', sourcemap: false },
    ...{ entryFileNames: '[name].js', chunkFileNames: '[name]-[hash].js' },
  });
  await build.close();
  return output;
}

/** Throws when a program that loads no agent has one in its bundle. */
function checkAgent(folder, output) {
  const without = WITHOUT_AGENT[folder];
  if (without === undefined) return;
  const found = [...packagesOf(output, without)].filter((name) => AGENT.test(name));
  if (found.length > 0) {
    throw new SetupError(
      `build: ${folder}/dist/bundle/${without.entry}.js loads ${found.join(', ')}; ask a worker instead.`,
    );
  }
}

async function bundlePiPackage() {
  const { rolldown } = await import('rolldown');
  const folder = join(ROOT, PI_PACKAGE, 'dist');
  const build = await rolldown({
    input: join(ROOT, PI_PACKAGE, 'src', 'main.ts'),
    platform: 'node',
    external: [/^node:/, /^@mariozechner\//],
    // The default of msgpackr loads native code.
    resolve: { ...FROM_SOURCES, alias: { msgpackr: join(ROOT, 'node_modules/msgpackr/index.js') } },
    // Modules of ours that import pi are left out, except for what is used of them.
    treeshake: { moduleSideEffects: [{ test: /@mariozechner|(clients|schemas)\/[^/]+\/src\//, sideEffects: false }] },
    logLevel: 'warn',
  });
  rmSync(join(folder, 'bundle'), { recursive: true, force: true });
  const { output } = await build.write({
    ...{ file: join(folder, 'bundle', 'main.js'), format: 'esm', codeSplitting: false },
  });
  await build.close();
  const code = output.map((chunk) => chunk.code ?? '').join('\n');
  const foreign = [...code.matchAll(/^import\b[^'"\n]*["']([^"']+)["']/gm)].map(([, name]) => name);
  const missing = foreign.filter((name) => !isBuiltin(name));
  if (missing.length > 0) throw new SetupError(`build: ${PI_PACKAGE} has to run without ${missing.join(', ')}`);
}

// `node bundle.mjs` in the folder of a package bundles its programs.
if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const folder = Object.keys(PROGRAMS).find((one) => join(ROOT, one) === process.cwd());
  if (folder !== undefined) await bundle(folder);
  else await bundlePiPackage();
}
