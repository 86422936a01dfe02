import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { writeRunnerToken } from '../runnerToken.js';
import { writeMadeUpNatsAccess } from '../testing/natsAccess.js';
import { hostAccess } from '@pizzapi/runner/access';
import { keptAccess } from './localAndRunner.js';

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'pizzapi-runner-'));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

const kept = (args: string[] = [], env: NodeJS.ProcessEnv = {}) => keptAccess(['--home', home, ...args], env);

it('a runner without a token of its own takes that of the local run, with its address', () => {
  expect(kept()).toEqual({});
  writeMadeUpNatsAccess(home);
  expect(kept()).toEqual({ PIZZAPI_RUNNER_TOKEN: 'pzr_local', PIZZAPI_NATS_URL: 'nats://127.0.0.1:1' });
  expect(kept([], { PIZZAPI_RUNNER_TOKEN: 'pzr_mine' })).toEqual({});
  const file = join(home, 'token');
  writeFileSync(file, 'pzr_mine\n');
  expect(kept([], { PIZZAPI_RUNNER_TOKEN_FILE: file })).toEqual({});
  expect(hostAccess({ PIZZAPI_HOME: home, PIZZAPI_RUNNER_TOKEN_FILE: file })).toMatchObject({ token: 'pzr_mine' });
});

it('the token of the local run never goes to another server', () => {
  writeMadeUpNatsAccess(home);
  expect(kept(['--nats-url', 'nats://elsewhere'])).toEqual({});
  expect(kept([], { PIZZAPI_NATS_URL: 'nats://elsewhere' })).toEqual({});
  expect(kept(['--relay-url', 'https://elsewhere'])).toEqual({});
  expect(kept(['--relay-url=https://elsewhere'])).toEqual({});
});

it('what `pizzapi runner pair` got goes first, to the address that was named or came with it', () => {
  writeMadeUpNatsAccess(home);
  writeRunnerToken(home, { token: 'pzr_paired', natsUrl: 'nats://relay', relayUrl: 'https://relay' });
  expect(kept()).toEqual({ PIZZAPI_RUNNER_TOKEN: 'pzr_paired', PIZZAPI_NATS_URL: 'nats://relay' });
  expect(kept(['--nats-url=nats://other'])).toEqual({ PIZZAPI_RUNNER_TOKEN: 'pzr_paired' });
});

it('a runner has the name that it was paired with, unless another one is named now', () => {
  writeRunnerToken(home, { token: 'pzr_paired', natsUrl: undefined, relayUrl: 'https://relay', name: 'workshop' });
  const access = { PIZZAPI_RUNNER_TOKEN: 'pzr_paired', PIZZAPI_NATS_URL: 'wss://relay/nats' };
  expect(kept()).toEqual({ ...access, PIZZAPI_RUNNER_NAME: 'workshop' });
  expect(kept([], { PIZZAPI_RUNNER_NAME: 'other' })).toEqual(access);
  expect(hostAccess({ PIZZAPI_HOME: home })).toMatchObject({ name: 'workshop' });
});
