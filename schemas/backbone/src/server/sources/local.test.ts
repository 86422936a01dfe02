import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { fakeContext, scratchFolder, writeFakeServer, writeScript } from '../../testing/serverFakes.js';
import { cacheFolder } from '../cache.js';
import { cacheSource, pathSource } from './local.js';
import { variableSource } from './variable.js';

const containing = (text: string): unknown => expect.stringContaining(text);

let scratch: Awaited<ReturnType<typeof scratchFolder>>;
beforeEach(async () => void (scratch = await scratchFolder()));
afterEach(() => scratch.remove());

const at = (...path: string[]) => join(scratch.folder, ...path);

describe('PIZZAPI_NATS_SERVER', () => {
  test('is used when it names a new enough server', async () => {
    const binary = await writeFakeServer(at('mine'), '2.11.0');
    const source = variableSource(fakeContext(at('home'), { PIZZAPI_NATS_SERVER: binary }));
    expect(await source.obtain()).toEqual({ kind: 'found', binary, version: '2.11.0' });
  });

  test('ends the search when it names something else, and says what', async () => {
    const missing = variableSource(fakeContext(at('home'), { PIZZAPI_NATS_SERVER: at('nothing') }));
    expect(await missing.obtain()).toMatchObject({ final: true, why: containing('does not run') });
    const old = await writeFakeServer(at('old'), '2.10.29');
    const tooOld = variableSource(fakeContext(at('home'), { PIZZAPI_NATS_SERVER: old }));
    expect(await tooOld.obtain()).toMatchObject({ final: true, why: containing('2.10.29, older than') });
  });

  test('is passed over when it is not set', async () => {
    expect(await variableSource(fakeContext(at('home'))).obtain()).toMatchObject({ kind: 'failed', final: false });
  });
});

describe('nats-server on PATH', () => {
  test('passes over an old one, and a program of the same name that is something else', async () => {
    await writeFakeServer(at('old/nats-server'), '2.10.29');
    await writeScript(at('other/nats-server'), 'echo hello');
    const context = fakeContext(at('home'), { PATH: `${at('old')}:${at('other')}:${at('empty')}` });
    const outcome = await pathSource(context).obtain();
    expect(outcome).toMatchObject({ kind: 'failed', why: containing('2.10.29, older than 2.11.0') });
    expect(outcome).toMatchObject({ why: containing('does not answer like a nats-server') });
  });

  test('takes a new one that stands behind an old one', async () => {
    await writeFakeServer(at('old/nats-server'), '2.9.0');
    const binary = await writeFakeServer(at('new/nats-server'), '2.12.0-RC.1');
    const context = fakeContext(at('home'), { PATH: `${at('old')}:${at('new')}` });
    expect(await pathSource(context).obtain()).toEqual({ kind: 'found', binary, version: '2.12.0-RC.1' });
  });
});

describe('the cache', () => {
  test('gives the newest of its versions that works', async () => {
    const context = fakeContext(at('home'));
    const cache = cacheFolder(context.env);
    await writeFakeServer(join(cache, '2.9.0', 'nats-server'), '2.9.0');
    const binary = await writeFakeServer(join(cache, '2.12.1', 'nats-server'), '2.12.1');
    await writeScript(join(cache, '2.15.1', 'nats-server'), 'exit 1');
    expect(await cacheSource(context).obtain()).toEqual({ kind: 'found', binary, version: '2.12.1' });
  });

  test('is where XDG_CACHE_HOME says', () => {
    expect(cacheFolder({ HOME: '/h', XDG_CACHE_HOME: '/c' })).toBe('/c/pizzapi/nats-server');
    expect(cacheFolder({ HOME: '/h' })).toBe('/h/.cache/pizzapi/nats-server');
  });
});
