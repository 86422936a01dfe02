import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { fakeContext, scratchFolder, writeFakeServer } from '../testing/fakes.js';
import { cacheFolder } from '../cache.js';
import { RELEASE_VERSION } from '../version.js';
import { checksumFor, releaseSource } from './release.js';

const containing = (text: string): unknown => expect.stringContaining(text);

const NAME = `nats-server-v${RELEASE_VERSION}-linux-amd64`;
const ARCHIVE = `/v${RELEASE_VERSION}/${NAME}.tar.gz`;
const SUMS = `/v${RELEASE_VERSION}/SHA256SUMS`;

/** The response for each path; with `cutTo` the server announces the whole body and closes after some bytes. */
type Answers = Record<string, { body: Buffer | string; cutTo?: number }>;

let scratch: Awaited<ReturnType<typeof scratchFolder>>;
let server: Server;
let answers: Answers;
let context: ReturnType<typeof fakeContext>;

beforeEach(async () => {
  scratch = await scratchFolder();
  answers = {};
  server = createServer((request, response) => {
    const answer = answers[request.url ?? ''];
    if (answer === undefined) return void response.writeHead(404).end();
    const body = Buffer.from(answer.body);
    response.writeHead(200, { 'content-length': body.length });
    if (answer.cutTo === undefined) response.end(body);
    else response.write(body.subarray(0, answer.cutTo), () => response.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  context = fakeContext(join(scratch.folder, 'home'), { PIZZAPI_NATS_RELEASES: `http://127.0.0.1:${port}/` });
});

afterEach(async () => {
  server.close();
  server.closeAllConnections();
  await scratch.remove();
});

/** Creates an archive with the real layout, which holds a server that prints `version`. */
async function archive(version: string): Promise<Buffer> {
  await writeFakeServer(join(scratch.folder, 'release', NAME, 'nats-server'), version);
  execFileSync('tar', ['-czf', join(scratch.folder, 'a.tar.gz'), '-C', join(scratch.folder, 'release'), NAME]);
  return readFileSync(join(scratch.folder, 'a.tar.gz'));
}

const sumsOf = (body: Buffer) => `${'0'.repeat(64)}  other.zip\n${sha256(body)}  ${NAME}.tar.gz\n`;
const sha256 = (body: Buffer) => createHash('sha256').update(body).digest('hex');

async function publish(version: string): Promise<Buffer> {
  const body = await archive(version);
  answers = { [ARCHIVE]: { body }, [SUMS]: { body: sumsOf(body) } };
  return body;
}

/** Lists the cache, which must be empty after a failure. */
const cached = () => readdir(cacheFolder(context.env)).catch(() => []);

describe('the official release', () => {
  test('the release is downloaded, checked and unpacked into the cache, with progress lines', async () => {
    await publish(RELEASE_VERSION);
    const outcome = await releaseSource(context).obtain();
    const binary = join(cacheFolder(context.env), RELEASE_VERSION, 'nats-server');
    expect(outcome).toEqual({ kind: 'found', binary, version: RELEASE_VERSION });
    expect(execFileSync(binary, ['-v'], { encoding: 'utf8' })).toContain(RELEASE_VERSION);
    expect(await cached()).toEqual([RELEASE_VERSION]);
    expect(context.lines).toEqual([`downloading ${NAME}.tar.gz (0.0 MB)`]);
  });

  test('two processes can download the release at the same time', async () => {
    await publish(RELEASE_VERSION);
    const outcomes = await Promise.all([releaseSource(context).obtain(), releaseSource(context).obtain()]);
    expect(outcomes.map(({ kind }) => kind)).toEqual(['found', 'found']);
    expect(await readdir(join(cacheFolder(context.env), RELEASE_VERSION))).toEqual(['nats-server']);
  });

  test('the release is refused when its checksum differs from the published one', async () => {
    const body = await publish(RELEASE_VERSION);
    answers[SUMS] = { body: sumsOf(Buffer.concat([body, Buffer.from('!')])) };
    expect(await releaseSource(context).obtain()).toMatchObject({ why: containing(sha256(body)) });
    expect(await cached()).toEqual([]);
  });

  test('the release is refused when the checksum file is missing or does not list it', async () => {
    const body = await archive(RELEASE_VERSION);
    answers = { [ARCHIVE]: { body } };
    expect(await releaseSource(context).obtain()).toMatchObject({ why: containing('SHA256SUMS does not exist') });
    answers[SUMS] = { body: `${sha256(body)}  something-else.tar.gz\n` };
    expect(await releaseSource(context).obtain()).toMatchObject({ why: containing('does not list') });
    expect(await cached()).toEqual([]);
  });

  test('the release source reports a missing archive', async () => {
    await publish(RELEASE_VERSION);
    delete answers[ARCHIVE];
    expect(await releaseSource(context).obtain()).toMatchObject({ why: containing('does not exist') });
  });

  test('the release source reports an interrupted download', async () => {
    const body = await publish(RELEASE_VERSION);
    answers[ARCHIVE] = { body, cutTo: 100 };
    expect(await releaseSource(context).obtain()).toMatchObject({ kind: 'failed', why: containing(NAME) });
    expect(await cached()).toEqual([]);
  });

  test('the release is refused when its server is too old', async () => {
    await publish('2.10.0');
    expect(await releaseSource(context).obtain()).toMatchObject({ why: containing('2.10.0, older') });
    expect(await cached()).toEqual([]);
  });

  test('the release source fails at once when the server is unreachable', async () => {
    server.close();
    const outcome = await releaseSource(context).obtain();
    expect(outcome).toMatchObject({ kind: 'failed', why: containing('ECONNREFUSED') });
  });

  test('the release source names the archive of each platform and reports a platform without one', async () => {
    const plan = (platform: NodeJS.Platform, arch: string) => releaseSource({ ...context, platform, arch }).check();
    expect(await plan('darwin', 'arm64')).toMatchObject({ what: containing('-darwin-arm64.tar.gz') });
    expect(await plan('win32', 'x64')).toMatchObject({ what: containing('-windows-amd64.zip') });
    expect(await plan('aix', 'ppc64')).toMatchObject({ kind: 'unavailable' });
  });
});

test('checksumFor reads lines with text and binary marks and ignores damaged lines', () => {
  const sum = 'ab'.repeat(32);
  expect(checksumFor('a.tar.gz', `${sum}  a.tar.gz\n`)).toBe(sum);
  expect(checksumFor('a.tar.gz', `${sum.toUpperCase()} *a.tar.gz\n`)).toBe(sum);
  expect(checksumFor('a.tar.gz', `${sum.slice(1)}  a.tar.gz\n`)).toBeNull();
  expect(checksumFor('a.tar.gz', `${sum}  b-a.tar.gz\n`)).toBeNull();
});
