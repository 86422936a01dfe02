import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { NEEDED } from './bundle.mjs';
import { ROOT, SetupError, log, since } from './log.mjs';
import { npm } from './npm.mjs';

const CLI = join(ROOT, 'clients/cli');
const RUNNER = join(ROOT, 'clients/runner');
/** What is packed. */
const STAGE = join(CLI, 'dist', 'package');
/** What a gateway serves to hosts: the package, and the script that installs it. */
const RESULT = join(CLI, 'dist', 'install');
const RUNNER_NAME = '@pizzapi/runner';

/**
 * Makes `clients/cli/dist/install/pizzapi.tgz`: everything that a host needs, as one npm package. It has the bundles of the command and
 * of the runner, and no service of the relay. pi and packages with native code are its dependencies, in the versions of this
 * checkout. The runner is inside as a bundled dependency, so that programs find it by its name here and there.
 */
export async function pack() {
  const start = Date.now();
  rmSync(STAGE, { recursive: true, force: true });
  stage(CLI, STAGE, { ...manifestOfCli(), files: ['bin', 'dist', 'LICENSE', 'README.md'] });
  stage(RUNNER, join(STAGE, 'node_modules', RUNNER_NAME), manifestOfRunner());
  cpSync(join(CLI, 'bin'), join(STAGE, 'bin'), { recursive: true });
  cpSync(join(CLI, 'package', 'README.md'), join(STAGE, 'README.md'));
  cpSync(join(ROOT, 'LICENSE'), join(STAGE, 'LICENSE'));
  const { version } = manifestOf(CLI);
  mkdirSync(RESULT, { recursive: true });
  const { code, output } = await npm(['pack', STAGE, '--pack-destination', RESULT, '--ignore-scripts'], {
    what: 'pack',
  });
  if (code !== 0) throw new SetupError(`${output}\npack: npm failed with exit code ${code}; see above.`);
  // A gateway that serves it never reads half of it.
  renameSync(join(RESULT, `pizzapi-${version}.tgz`), join(RESULT, 'pizzapi.tgz'));
  cpSync(join(CLI, 'package', 'install.sh'), join(RESULT, 'install.sh'));
  log(`pack: made clients/cli/dist/install/pizzapi.tgz in ${since(start)}`);
}

/** Copies the bundle of a package without its source maps, and writes its package.json. */
function stage(from, to, manifest) {
  const bundle = join(from, 'dist', 'bundle');
  if (!existsSync(join(bundle, NEEDED)))
    throw new SetupError(`pack: ${bundle} is not built; run \`npm run build\` first.`);
  mkdirSync(to, { recursive: true });
  writeFileSync(join(to, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
  cpSync(bundle, join(to, 'dist', 'bundle'), { recursive: true, filter: (path) => !path.endsWith('.map') });
}

function manifestOfCli() {
  const { name, version, license, type, bin } = manifestOf(CLI);
  const { engines, description } = manifestOf(ROOT);
  const needed = [CLI, RUNNER].flatMap((folder) =>
    JSON.parse(readFileSync(join(folder, 'dist', 'bundle', NEEDED), 'utf8')),
  );
  const dependencies = Object.fromEntries([...new Set(needed)].sort().map((one) => [one, installedVersion(one)]));
  return {
    ...{ name, version, description, license, type, bin, engines },
    dependencies: { ...dependencies, [RUNNER_NAME]: manifestOf(RUNNER).version },
    bundleDependencies: [RUNNER_NAME],
  };
}

function manifestOfRunner() {
  const { name, version, license, type, exports } = manifestOf(RUNNER);
  return { name, version, license, type, exports: { './main': exports['./main'] } };
}

const manifestOf = (folder) => JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
const installedVersion = (name) => manifestOf(join(ROOT, 'node_modules', name)).version;

// `node pack.mjs` packs what is built.
if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    await pack();
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    log(error.message);
    process.exitCode = 1;
  }
}
