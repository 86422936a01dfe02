import { access, mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { keepInCache, withWorkFolder } from '../cache.js';
import { megabytes } from '../download.js';
import { failureOf, run } from '../run.js';
import type { InstallContext, Obtained, Source } from '../source.js';
import { distributionArchive, parseDeb822, parseOneLine } from './aptMirror.js';
import type { AptArchive } from './aptMirror.js';

const APT_TIMEOUT_MS = 180_000;
const UNPACK_TIMEOUT_MS = 60_000;

/** The suite with the newest packages of each distribution, and the keyrings that verify them. */
const DISTRIBUTIONS: Record<string, { suite: string; component: string; keyrings: string[] }> = {
  debian: {
    suite: 'sid',
    component: 'main',
    keyrings: ['/usr/share/keyrings/debian-archive-keyring.gpg', '/usr/share/keyrings/debian-archive-keyring.pgp'],
  },
  // Ubuntu uses the name `devel` for its next release.
  ubuntu: { suite: 'devel', component: 'universe', keyrings: ['/usr/share/keyrings/ubuntu-archive-keyring.gpg'] },
};

/** Disables the hooks that clean up the system's own apt cache. */
const NO_HOOKS = '#clear APT::Update::Post-Invoke;\n#clear APT::Update::Post-Invoke-Success;\n';

interface Prepared {
  sourceLine: string;
  suite: string;
}

/**
 * Downloads the newest package of the distribution and unpacks it. It uses a package list and an apt cache of its own:
 * it installs nothing, changes no setting of the system, and needs no privileges. apt checks the signature of the
 * archive and the checksum of the package. Tests set `root` to a folder that replaces `/`.
 */
export function aptSource(context: InstallContext, root = '/'): Source {
  return {
    name: 'Debian or Ubuntu package',
    async check() {
      const prepared = await prepare(context, root);
      if (typeof prepared === 'string') return { kind: 'unavailable', why: prepared };
      return {
        kind: 'fetch',
        what: `apt-get download nats-server from "${prepared.sourceLine}", without installing it`,
      };
    },
    async obtain() {
      const prepared = await prepare(context, root);
      if (typeof prepared === 'string') return { kind: 'failed', why: prepared };
      return withWorkFolder(context, (work) => fetchPackage(context, prepared, work));
    },
  };
}

/** Returns the line of the source list, or the reason why this source is not available. */
async function prepare({ env, platform }: InstallContext, root: string): Promise<Prepared | string> {
  if (platform !== 'linux') return 'this system is not Debian or Ubuntu';
  const release = parseRelease(await readFile(join(root, 'etc/os-release'), 'utf8').catch(() => ''));
  const distribution = DISTRIBUTIONS[release.id];
  if (distribution === undefined) return 'this system is not Debian or Ubuntu';
  for (const tool of ['apt-get', 'dpkg-deb']) {
    if ((await run(tool, ['--version'], { env, timeoutMs: UNPACK_TIMEOUT_MS })).kind !== 'exited')
      return `${tool} is not installed`;
  }
  const archive = distributionArchive(await systemArchives(root), release.id, release.codename);
  if (archive === null) return `the sources of apt list no archive for ${release.codename}`;
  const signedBy = await firstThere(root, [...distribution.keyrings, archive.signedBy]);
  if (signedBy === null) return `the keyring of the archive is missing (${distribution.keyrings[0]})`;
  const { suite, component } = distribution;
  return { suite, sourceLine: `deb [signed-by=${signedBy}] ${archive.uri} ${suite} ${component}` };
}

async function fetchPackage(context: InstallContext, { sourceLine, suite }: Prepared, work: string): Promise<Obtained> {
  const path = (name: string) => join(work, name);
  await mkdir(path('lists/partial'), { recursive: true });
  await mkdir(path('cache/archives/partial'), { recursive: true });
  await writeFile(path('sources.list'), `${sourceLine}\n`);
  await writeFile(path('apt.conf'), NO_HOOKS);
  const settings = [
    `Dir::Etc::sourcelist=${path('sources.list')}`,
    'Dir::Etc::sourceparts=/dev/null',
    `Dir::State::lists=${path('lists')}`,
    `Dir::Cache=${path('cache')}`,
    // The images of Debian turn this file off; without it, each command below parses the package list again.
    'Dir::Cache::pkgcache=pkgcache.bin',
    'Acquire::Languages=none',
    'Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false',
    'Acquire::Retries=1',
    'Acquire::http::Timeout=10',
    'Acquire::https::Timeout=10',
  ].flatMap((setting) => ['-o', setting]);
  const apt = (...args: string[]) =>
    run('apt-get', ['-q', '-c', path('apt.conf'), ...settings, ...args], {
      env: { ...context.env, LC_ALL: 'C' },
      cwd: work,
      timeoutMs: APT_TIMEOUT_MS,
    });

  context.progress(`downloading the package list of ${suite} (about 11 MB)`);
  const updated = await apt('update', '--error-on=any');
  const updateFailure = failureOf('apt-get update', updated);
  if (updateFailure !== null) return { kind: 'failed', why: updateFailure };

  const uris = await apt('download', '--print-uris', 'nats-server');
  const size = /_\S+\.deb (\d+) /.exec(uris.kind === 'exited' ? uris.output : '')?.[1];
  context.progress(`downloading the package nats-server${size === undefined ? '' : ` (${megabytes(Number(size))})`}`);
  const downloadFailure = failureOf('apt-get download', await apt('download', 'nats-server'));
  if (downloadFailure !== null) return { kind: 'failed', why: downloadFailure };

  const name = (await readdir(work)).find((entry) => /^nats-server_.*\.deb$/.test(entry));
  if (name === undefined) return { kind: 'failed', why: 'apt-get download created no package file' };
  const unpack = await run('dpkg-deb', ['-x', path(name), path('unpacked')], { timeoutMs: UNPACK_TIMEOUT_MS });
  const unpackFailure = failureOf('dpkg-deb', unpack);
  if (unpackFailure !== null) return { kind: 'failed', why: unpackFailure };
  return keepInCache(context, path('unpacked/usr/sbin/nats-server'));
}

/** Returns all archives that the sources of apt list, in the order of apt. */
async function systemArchives(root: string): Promise<AptArchive[]> {
  const parts = join(root, 'etc/apt/sources.list.d');
  const names = (await readdir(parts).catch(() => [])).sort();
  const archives = parseOneLine(await readFile(join(root, 'etc/apt/sources.list'), 'utf8').catch(() => ''));
  for (const name of names) {
    const text = await readFile(join(parts, name), 'utf8').catch(() => '');
    if (name.endsWith('.sources')) archives.push(...parseDeb822(text));
    else if (name.endsWith('.list')) archives.push(...parseOneLine(text));
  }
  return archives;
}

function parseRelease(text: string): { id: string; codename: string } {
  const field = (name: string) => new RegExp(`^${name}="?([^"\n]*)"?$`, 'm').exec(text)?.[1] ?? '';
  return { id: field('ID'), codename: field('VERSION_CODENAME') };
}

async function firstThere(root: string, files: (string | null)[]): Promise<string | null> {
  for (const file of files) {
    if (file === null) continue;
    const found = await access(join(root, file)).then(
      () => true,
      () => false,
    );
    if (found) return file;
  }
  return null;
}
