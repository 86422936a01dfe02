import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { fakeContext, scratchFolder, writeFakeServer, writeScript } from '../testing/fakes.js';
import { cacheFolder } from '../cache.js';
import { cacheSource, pathSource } from './local.js';
import { envVariableSource } from './envVariable.js';

const containing = (text: string): unknown => expect.stringContaining(text);

let scratch: Awaited<ReturnType<typeof scratchFolder>>;
beforeEach(async () => void (scratch = await scratchFolder()));
afterEach(() => scratch.remove());

const at = (...path: string[]) => join(scratch.folder, ...path);

describe('PIZZAPI_NATS_SERVER', () => {
  test('PIZZAPI_NATS_SERVER is used when it names a supported server', async () => {
    const binary = await writeFakeServer(at('mine'), '2.11.0');
    const source = envVariableSource(fakeContext(at('home'), { PIZZAPI_NATS_SERVER: binary }));
    expect(await source.obtain()).toEqual({ kind: 'found', binary, version: '2.11.0' });
  });

  test('PIZZAPI_NATS_SERVER ends the search, with the reason, when it names no supported server', async () => {
    const missing = envVariableSource(fakeContext(at('home'), { PIZZAPI_NATS_SERVER: at('nothing') }));
    expect(await missing.obtain()).toMatchObject({ final: true, why: containing('cannot be executed') });
    const old = await writeFakeServer(at('old'), '2.10.29');
    const tooOld = envVariableSource(fakeContext(at('home'), { PIZZAPI_NATS_SERVER: old }));
    expect(await tooOld.obtain()).toMatchObject({ final: true, why: containing('version 2.10.29, older than') });
  });

  test('PIZZAPI_NATS_SERVER is skipped when it is not set', async () => {
    expect(await envVariableSource(fakeContext(at('home'))).obtain()).toMatchObject({ kind: 'failed', final: false });
  });
});

describe('nats-server on PATH', () => {
  test('PATH: an old server and another program of that name are skipped', async () => {
    await writeFakeServer(at('old/nats-server'), '2.10.29');
    await writeScript(at('other/nats-server'), 'echo hello');
    const context = fakeContext(at('home'), { PATH: `${at('old')}:${at('other')}:${at('empty')}` });
    const outcome = await pathSource(context).obtain();
    expect(outcome).toMatchObject({ kind: 'failed', why: containing('version 2.10.29, older than 2.11.0') });
    expect(outcome).toMatchObject({ why: containing('did not print a version of nats-server') });
  });

  test('PATH: a new server after an old one is used', async () => {
    await writeFakeServer(at('old/nats-server'), '2.9.0');
    const binary = await writeFakeServer(at('new/nats-server'), '2.12.0-RC.1');
    const context = fakeContext(at('home'), { PATH: `${at('old')}:${at('new')}` });
    expect(await pathSource(context).obtain()).toEqual({ kind: 'found', binary, version: '2.12.0-RC.1' });
  });
});

describe('the cache', () => {
  test('the cache gives its newest version that works', async () => {
    const context = fakeContext(at('home'));
    const cache = cacheFolder(context.env);
    await writeFakeServer(join(cache, '2.9.0', 'nats-server'), '2.9.0');
    const binary = await writeFakeServer(join(cache, '2.12.1', 'nats-server'), '2.12.1');
    await writeScript(join(cache, '2.15.1', 'nats-server'), 'exit 1');
    expect(await cacheSource(context).obtain()).toEqual({ kind: 'found', binary, version: '2.12.1' });
  });

  test('the cache is in the folder that XDG_CACHE_HOME sets', () => {
    expect(cacheFolder({ HOME: '/h', XDG_CACHE_HOME: '/c' })).toBe('/c/pizzapi/nats-server');
    expect(cacheFolder({ HOME: '/h' })).toBe('/h/.cache/pizzapi/nats-server');
  });
});
