import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { writeRunnerToken } from '../runnerToken.js';
import { keptAccess } from './localAndRunner.js';

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'pizzapi-runner-'));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

function localRun(): void {
  mkdirSync(join(home, 'nats'));
  const users = { admin: { nkeySeed: 'SU' }, auditor: { user: 'a', password: 'a' } };
  const access = { url: 'nats://127.0.0.1:1', users, runnerToken: 'pzr_local' };
  writeFileSync(join(home, 'nats', 'credentials.json'), JSON.stringify(access));
}
const accessOf = (args: string[] = [], env: NodeJS.ProcessEnv = {}) => keptAccess(['--home', home, ...args], env);

it('a runner without its own token uses the token and the address of the local run', () => {
  expect(accessOf()).toEqual({});
  localRun();
  expect(accessOf()).toEqual({ PIZZAPI_RUNNER_TOKEN: 'pzr_local', PIZZAPI_NATS_URL: 'nats://127.0.0.1:1' });
  expect(accessOf([], { PIZZAPI_RUNNER_TOKEN: 'pzr_mine' })).toEqual({});
});

it('the token of the local run is never sent to another server', () => {
  localRun();
  expect(accessOf(['--nats-url', 'nats://elsewhere'])).toEqual({});
  expect(accessOf([], { PIZZAPI_NATS_URL: 'nats://elsewhere' })).toEqual({});
});

it('the token from `pizzapi runner pair` has precedence, with the named address or the address that came with it', () => {
  localRun();
  writeRunnerToken(home, { token: 'pzr_paired', natsUrl: 'nats://relay', relayUrl: 'https://relay' });
  expect(accessOf()).toEqual({ PIZZAPI_RUNNER_TOKEN: 'pzr_paired', PIZZAPI_NATS_URL: 'nats://relay' });
  expect(accessOf(['--nats-url=nats://other'])).toEqual({ PIZZAPI_RUNNER_TOKEN: 'pzr_paired' });
});
