import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { fakeContext, scratchFolder, writeFakeServer, writeScript } from './testing/fakes.js';
import { cacheFolder } from './cache.js';
import { natsServerSources, obtainNatsServer, planNatsServer, requireNatsServer } from './obtain.js';
import type { Source } from './source.js';
import { goSource } from './sources/go.js';

const containing = (text: string): unknown => expect.stringContaining(text);

let scratch: Awaited<ReturnType<typeof scratchFolder>>;
beforeEach(async () => void (scratch = await scratchFolder()));
afterEach(() => scratch.remove());

const at = (...path: string[]) => join(scratch.folder, ...path);

function source(name: string, obtain: Source['obtain']): Source {
  return { name, obtain, check: async () => ({ kind: 'unavailable', why: 'not asked' }) };
}

test('the search tries the sources in the documented order', () => {
  expect(natsServerSources(fakeContext(at('home'))).map(({ name }) => name)).toEqual([
    'PIZZAPI_NATS_SERVER',
    'nats-server on PATH',
    'cache',
    'official release',
    'Debian or Ubuntu package',
    'go install',
  ]);
});

test('the search ends at the first source that gives a server', async () => {
  let isThirdTried = false;
  const found = await obtainNatsServer(fakeContext(at('home')), [
    source('first', async () => ({ kind: 'failed', why: 'nothing' })),
    source('second', async () => ({ kind: 'found', binary: '/b', version: '2.12.0' })),
    source('third', async () => ((isThirdTried = true), { kind: 'failed', why: 'nothing' })),
  ]);
  expect(found).toEqual({ kind: 'found', binary: '/b', version: '2.12.0', source: 'second' });
  expect(isThirdTried).toBe(false);
});

test('when all sources fail, one error lists each source, its reason, and what the user can do', async () => {
  const sources = [
    source('first', async () => ({ kind: 'failed', why: 'not there' })),
    source('second', () => Promise.reject(new Error('the disk is full'))),
  ];
  const error: unknown = await requireNatsServer(fakeContext(at('home')), sources).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: 'nats_server_not_found' });
  expect(String(error)).toMatch(/- first: not there\n.*- second: the disk is full\n.*PIZZAPI_NATS_SERVER/s);
});

test('a wrong PIZZAPI_NATS_SERVER is an error even if PATH has another server', async () => {
  await writeFakeServer(at('bin/nats-server'), '2.15.1');
  const context = fakeContext(at('home'), { PIZZAPI_NATS_SERVER: at('gone'), PATH: at('bin') });
  const search = await obtainNatsServer(context);
  expect(search).toMatchObject({ kind: 'not_found', failed: [{ source: 'PIZZAPI_NATS_SERVER' }] });
});

test('a plan reports what each source would do and downloads nothing', async () => {
  await writeFakeServer(at('bin/nats-server'), '2.10.0');
  const plans = await planNatsServer(fakeContext(at('home'), { PATH: at('bin') }));
  expect(Object.fromEntries(plans.map(({ source, plan }) => [source, plan.kind]))).toMatchObject({
    'nats-server on PATH': 'unavailable',
    cache: 'unavailable',
    'official release': 'fetch',
    'go install': 'unavailable',
  });
  await expect(obtainNatsServer(fakeContext(at('home')), [])).resolves.toEqual({ kind: 'not_found', failed: [] });
});

test('the go source builds into the cache', async () => {
  await writeFakeServer(at('built'), '2.15.1');
  await writeScript(
    at('bin/go'),
    `[ "$1" = version ] && exit 0\n[ "$1" = install ] && cp ${at('built')} "$GOBIN/nats-server"`,
  );
  const context = fakeContext(at('home'), { PATH: `${at('bin')}:/usr/bin:/bin` });
  const binary = join(cacheFolder(context.env), '2.15.1', 'nats-server');
  expect(await goSource(context).obtain()).toEqual({ kind: 'found', binary, version: '2.15.1' });
});

test('a failed build reports the reason that go printed', async () => {
  await writeScript(at('bin/go'), '[ "$1" = version ] && exit 0\necho "go: module lookup disabled" >&2\nexit 1');
  const context = fakeContext(at('home'), { PATH: `${at('bin')}:/usr/bin:/bin` });
  expect(await goSource(context).obtain()).toMatchObject({ why: containing('module lookup disabled') });
});
