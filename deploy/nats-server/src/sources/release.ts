import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { binaryName, keepInCache, withWorkFolder } from '../cache.js';
import { download } from '../download.js';
import { failureOf, run } from '../run.js';
import type { InstallContext, Obtained, Source } from '../source.js';
import { RELEASE_VERSION } from '../version.js';

/** Address of the official releases. `PIZZAPI_NATS_RELEASES` sets a mirror with the same layout. */
const RELEASES = 'https://github.com/nats-io/nats-server/releases/download';
const CHECKSUMS = 'SHA256SUMS';
const UNPACK_TIMEOUT_MS = 60_000;

const OS: Partial<Record<NodeJS.Platform, string>> = {
  linux: 'linux',
  darwin: 'darwin',
  freebsd: 'freebsd',
  win32: 'windows',
};
const ARCH: Record<string, string> = { x64: 'amd64', arm64: 'arm64', arm: 'arm7', ia32: '386', s390x: 's390x' };

/** Downloads the official release archive and checks it against the published checksum file. */
export function releaseSource(context: InstallContext): Source {
  const base = (context.env['PIZZAPI_NATS_RELEASES'] || RELEASES).replace(/\/+$/, '');
  const folder = `${base}/v${RELEASE_VERSION}`;
  const archive = archiveName(context);
  return {
    name: 'official release',
    check: async () =>
      archive === null
        ? { kind: 'unavailable', why: noArchive(context) }
        : { kind: 'fetch', what: `${folder}/${archive}, checked against ${CHECKSUMS}` },
    async obtain() {
      if (archive === null) return { kind: 'failed', why: noArchive(context) };
      return withWorkFolder(context, (work) => fetchRelease(context, folder, archive, work));
    },
  };
}

/** Returns the SHA-256 that a checksum file (lines of `<hex>  <name>`) lists for a file, or null. */
export function checksumFor(name: string, checksums: string): string | null {
  for (const line of checksums.split('\n')) {
    const [sum, file] = line.trim().split(/\s+\*?/);
    if (file === name && sum !== undefined && /^[0-9a-f]{64}$/i.test(sum)) return sum.toLowerCase();
  }
  return null;
}

async function fetchRelease(context: InstallContext, folder: string, archive: string, work: string): Promise<Obtained> {
  const sums = join(work, CHECKSUMS);
  const listed = await download(`${folder}/${CHECKSUMS}`, sums, () => {});
  if (listed.kind === 'failed') return listed;
  if (listed.kind === 'missing') return { kind: 'failed', why: `${folder}/${CHECKSUMS} does not exist` };
  const expected = checksumFor(archive, await readFile(sums, 'utf8'));
  if (expected === null) return { kind: 'failed', why: `${folder}/${CHECKSUMS} does not list ${archive}` };

  const file = join(work, archive);
  const fetched = await download(`${folder}/${archive}`, file, context.progress);
  if (fetched.kind === 'failed') return fetched;
  if (fetched.kind === 'missing') return { kind: 'failed', why: `${folder}/${archive} does not exist` };
  if (fetched.sha256 !== expected)
    return { kind: 'failed', why: `${archive} has the SHA-256 ${fetched.sha256}, but ${CHECKSUMS} lists ${expected}` };

  // GNU tar and bsdtar detect the compression. bsdtar, which Windows includes, also reads zip.
  const failure = failureOf('tar', await run('tar', ['-xf', file, '-C', work], { timeoutMs: UNPACK_TIMEOUT_MS }));
  if (failure !== null) return { kind: 'failed', why: failure };
  return keepInCache(context, join(work, archive.replace(/\.(tar\.gz|zip)$/, ''), binaryName(context.platform)));
}

function archiveName({ platform, arch }: InstallContext): string | null {
  const os = OS[platform];
  const cpu = ARCH[arch];
  if (os === undefined || cpu === undefined) return null;
  return `nats-server-v${RELEASE_VERSION}-${os}-${cpu}.${platform === 'win32' ? 'zip' : 'tar.gz'}`;
}

function noArchive({ platform, arch }: InstallContext): string {
  return `there is no official release for ${platform} on ${arch}`;
}
