import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { homeLayout, mintToken } from '@pizzapi/process';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { natsProblem } from './runnerPair.js';
import { readRunnerToken } from '../runnerToken.js';
import { run } from '../testing/run.js';
import { ok, refuse, scriptedApi, type ScriptedApi } from '../testing/scriptedApi.js';

const token = mintToken('runner');

let home: string;
let api: ScriptedApi;
let env: NodeJS.ProcessEnv;
beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), 'pizzapi-pair-'));
  api = await scriptedApi({
    'POST /api/pair': () =>
      ok({ code: 'ABCD-EFGH', secret: 's', verifyUrl: `${api.url}/pair`, intervalMs: 1, expiresAt: Date.now() }),
    'POST /api/pair/poll': () => ok({ status: 'approved', token, natsUrl: 'nats://relay.example:4222' }),
  });
  env = { PIZZAPI_HOME: home, PIZZAPI_RELAY_URL: api.url };
});
afterEach(async () => {
  await api.close();
  rmSync(home, { recursive: true, force: true });
});

describe('runner pair', () => {
  it('runner pair requests a runner token and stores it in a file that only its owner can read', async () => {
    const { code, stdout, stderr } = await run(['runner', 'pair', '--name', 'box'], { env });
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: `Paired with ${api.url}. Start the runner with \`pizzapi runner\`.\n`,
    });
    expect(api.requests[0]!.body).toEqual({ kind: 'runner', name: 'box' });
    expect(readRunnerToken(home)).toEqual({
      token,
      natsUrl: 'nats://relay.example:4222',
      relayUrl: api.url,
      name: 'box',
    });
    expect(statSync(homeLayout(home).runnerTokenFile).mode & 0o777).toBe(0o600);
    expect(statSync(join(home, 'runner')).mode & 0o777).toBe(0o700);
    expect(stdout + stderr).not.toContain(token);
  });

  it('runner pair needs the address of the gateway alone, which tells where nats-server is', async () => {
    api.script['POST /api/pair/poll'] = () =>
      ok({ status: 'approved', token, natsUrl: 'nats://inside:4222', natsUrls: ['wss://relay.example/nats'] });
    const { PIZZAPI_RELAY_URL: _, ...unset } = env;
    expect(await run(['runner', 'pair', api.url], { env: unset })).toMatchObject({ code: 0 });
    expect(readRunnerToken(home)).toMatchObject({ relayUrl: api.url, natsUrl: 'wss://relay.example/nats' });
  });

  it('runner pair prefers the address of nats-server that is named on the command line', async () => {
    await run(['runner', 'pair', '--nats-url', 'nats://here:1'], { env });
    expect(readRunnerToken(home)).toMatchObject({ natsUrl: 'nats://here:1' });
  });

  it('runner pair prints a hint when the address of nats-server is unknown', async () => {
    api.script['POST /api/pair/poll'] = () => ok({ status: 'approved', token });
    expect((await run(['runner', 'pair'], { env })).stderr).toContain('--nats-url');
    expect(readRunnerToken(home)).toMatchObject({ natsUrl: undefined });
  });

  it('runner pair keeps an older token when the request is denied', async () => {
    await run(['runner', 'pair'], { env });
    api.script['POST /api/pair/poll'] = () => ok({ status: 'denied' });
    expect(await run(['runner', 'pair'], { env })).toMatchObject({ code: 1 });
    expect(readRunnerToken(home)).toMatchObject({ token });
  });

  it('runner pair prints what to do when a gateway does not support pairing', async () => {
    api.script['POST /api/pair'] = () => refuse(404, 'not_found');
    expect(await run(['runner', 'pair'], { env })).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^not_found: /) as string,
    });
  });
});

it('an address of nats-server on this machine is valid only when the gateway is on this machine', () => {
  const relay = 'https://relay.example';
  expect(natsProblem('nats://127.0.0.1:4222', relay)).toMatch(/which is this machine/);
  expect(natsProblem('nats://127.0.0.1:4222', 'http://localhost:7492')).toBeUndefined();
  expect(natsProblem('nats://nats.example:4222', relay)).toBeUndefined();
});
