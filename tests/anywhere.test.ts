import { findFreePort } from '@pizzapi/nats-server';
import { textOf } from '@pizzapi/protocol';
import { makeAuthority } from '@pizzapi/process/testing';
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CLI } from './support/cli.js';
import { expectCompleteLog } from './support/expectCompleteLog.js';
import { startLocalStack, type LocalStack } from './support/localStack.js';
import {
  findNginx,
  startConnectProxy,
  startNginx,
  startTlsProxy,
  type ConnectProxy,
  type TlsProxy,
} from './support/tlsProxy.js';
import { endWorkersOf } from './support/processes.js';
import { until } from './support/until.js';
import { apiOf, tell, untilHosted, watch } from './support/viewer.js';

/** A name that only the HTTP proxy knows. */
const FAR = 'relay.pizzapi.test';
/** Shorter than what proxies have, and longer than the time between two pings of a runner. */
const IDLE_MS = 25_000;

/** A relay behind a proxy with TLS, whose certificate an own authority has signed; machines elsewhere know its address alone. */
let stage: LocalStack;
let proxy: TlsProxy;
let connectProxy: ConnectProxy;
let root: string;
let relayUrl: string;
let gatewayPort: number;
const authority = makeAuthority();
const certificate = authority.issue('localhost', FAR);
/** A runner whose connections have gone silent. */
let silenced: { runnerId: string; cwd: string } | undefined;
const running = new Set<ChildProcess>();

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'pizzapi-anywhere-'));
  writeFileSync(join(root, 'ca.pem'), authority.cert);
  gatewayPort = await findFreePort();
  const port = await findFreePort();
  relayUrl = `https://localhost:${port}`;
  const host = `localhost:${port}`;
  proxy = await startTlsProxy({ ...certificate, target: gatewayPort, host, port, idleMs: IDLE_MS });
  connectProxy = await startConnectProxy({ [`${FAR}:443`]: port });
  const flags = ['--public-url', relayUrl, '--trusted-proxies', '127.0.0.1'];
  const started = await startLocalStack({}, { port: gatewayPort, flags });
  stage = Object.assign(started, { url: `http://127.0.0.1:${gatewayPort}` });
}, 120_000);

afterAll(async () => {
  for (const child of running) child.kill('SIGKILL');
  for (const machine of readdirSync(root)) endWorkersOf(join(root, machine, 'state'));
  await stage.clear();
  await connectProxy.close();
  await proxy.close();
  rmSync(root, { recursive: true, force: true, maxRetries: 5 });
});

interface Program {
  child: ChildProcess;
  output: () => string;
  code: Promise<number | null>;
}

/** Starts `pizzapi` on another machine: with a home of its own, and nothing but what `env` says. */
function start(machine: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Program {
  const home = join(root, machine);
  mkdirSync(home, { recursive: true });
  const child = spawn(process.execPath, [CLI, ...args], {
    env: {
      PATH: process.env['PATH'],
      ...{ HOME: home, PIZZAPI_HOME: join(home, 'state'), PIZZAPI_PI: 'bundled', PIZZAPI_DEMO_SPEED: '600' },
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.add(child);
  let output = '';
  child.stdout.on('data', (data: Buffer) => (output += data.toString()));
  child.stderr.on('data', (data: Buffer) => (output += data.toString()));
  const code = new Promise<number | null>((resolve) => child.once('close', resolve));
  return { child, output: () => output, code: code.finally(() => running.delete(child)) };
}

const trusting = () => ({ PIZZAPI_CA: join(root, 'ca.pem') });

const runnerIdOf = (name: string, program: Program) =>
  until(
    `the runner ${name} is online`,
    async () => {
      if (program.child.exitCode !== null) throw new Error(`The runner ${name} ended: ${program.output()}`);
      const reply = await apiOf(stage).runners();
      const found = reply.kind === 'ok' && reply.value.runners.find((one) => one.name === name && one.online === true);
      return found && found.runnerId;
    },
    60_000,
  );

/** Runs an answer of the demo model on a runner. `during` is called in the middle of the message. */
async function runDemo(runnerId: string, cwd: string, during: () => void | Promise<void> = () => undefined) {
  const reply = await apiOf(stage).createSession({ runnerId, cwd, model: 'demo/demo' });
  if (reply.kind === 'failed') throw new Error(reply.error.message);
  const sid = reply.value.sessionId;
  await untilHosted(stage, sid);
  const view = watch(stage, sid);
  await until('the viewer is live', () => view.session.connection.state.kind === 'live');
  await tell(stage, sid, '/demo long 60000');
  await until('some of the message', () =>
    view.session.transcript.items.some((item) => item.kind === 'message' && item.open && textOf(item).length > 100),
  );
  await during();
  await view.next('agent_end', 90_000);
  const log = await expectCompleteLog(stage, sid, view);
  view.close();
  expect(JSON.stringify(log).length).toBeGreaterThan(60_000);
}

const tokenOf = (machine: string): string =>
  (JSON.parse(readFileSync(join(root, machine, 'state', 'runner', 'token.json'), 'utf8')) as { token: string }).token;

async function stop({ child, code }: Program): Promise<void> {
  child.kill('SIGTERM');
  await code;
}

describe('a machine that knows nothing but the https address of the relay', () => {
  it('is told what to do about a certificate of an authority that it does not trust', async () => {
    const { code, output } = start('stranger', ['runner', 'pair', relayUrl, '--no-browser']);
    expect(await code).toBe(1);
    expect(output()).toContain('certificate_untrusted');
    expect(output()).toContain('PIZZAPI_CA');
  });

  it('pairs, runs a session over /nats, and loses nothing when the proxy cuts all its connections in the middle of a message', async () => {
    const pairing = start('workshop', ['runner', 'pair', relayUrl, '--name', 'workshop', '--no-browser'], trusting());
    const shown = await until(
      'a code is shown',
      () => /the code\s+([A-Z0-9]{4}-[A-Z0-9]{4})/.exec(pairing.output())?.[1],
    );
    expect(await apiOf(stage).approvePair(shown)).toMatchObject({ kind: 'ok' });
    expect({ code: await pairing.code, output: pairing.output() }).toMatchObject({ code: 0 });
    const cwd = join(root, 'workshop');
    const runner = start('workshop', ['runner', '--roots', cwd], { ...trusting(), PIZZAPI_DEMO_SPEED: '4000' });
    const runnerId = await runnerIdOf('workshop', runner);
    expect(proxy.upgrades).toContain('/nats');
    const before = proxy.upgrades.length;
    await runDemo(runnerId, cwd, async () => {
      proxy.cut();
      await until('the runner has connected again', () => proxy.upgrades.length > before + 1);
      proxy.cut();
    });
    expect(proxy.idleCuts).toBe(0);
    silenced = { runnerId, cwd };
    // Noticed while the next machines work.
    proxy.silence();
  }, 240_000);

  it('is told by doctor which step of the way to nats-server fails, and what to do', async () => {
    const checks = async (env: NodeJS.ProcessEnv) => {
      const doctor = start('workshop', ['doctor', '--json', '--relay-url', relayUrl], env);
      await doctor.code;
      const { checks: found } = JSON.parse(doctor.output()) as {
        checks: Record<'check' | 'level' | 'text' | 'todo', string>[];
      };
      return (name: string) => {
        const one = found.find(({ check }) => check === name);
        return one && `${one.level}: ${one.text} ${one.todo ?? ''}`;
      };
    };
    const good = await checks(trusting());
    for (const name of ['name', 'port', 'certificate', 'nats', 'login']) expect(good(name), name).toMatch(/^ok: /);
    expect(good('gateway')).toMatch(/^ok: /);

    const distrusting = await checks({});
    expect(distrusting('certificate')).toMatch(/^fail: .*SELF_SIGNED_CERT_IN_CHAIN|^fail: .*UNABLE_TO.*PIZZAPI_CA/);
    expect(distrusting('gateway')).toMatch(/PIZZAPI_CA/);
    expect(distrusting('nats')).toBeUndefined();

    const named = (natsUrl: string) => checks({ ...trusting(), PIZZAPI_NATS_URL: natsUrl });
    expect((await named(`${relayUrl.replace('https', 'wss')}/elsewhere`))('nats')).toMatch(/^fail: .* answered 404/);
    expect((await named('wss://nowhere.pizzapi.test/nats'))('name')).toMatch(/^fail: .*cannot be resolved/);
    expect((await named(`wss://localhost:${await findFreePort()}/nats`))('port')).toMatch(/^fail: .*ECONNREFUSED/);
    const proxied = await checks({
      ...trusting(),
      PIZZAPI_NATS_URL: `wss://${FAR}/nats`,
      HTTPS_PROXY: `http://127.0.0.1:${await findFreePort()}`,
    });
    expect(proxied('proxy')).toMatch(/^fail: .*HTTPS_PROXY/);
  }, 120_000);

  it('runs a session through an HTTP proxy, which alone knows the host name of the relay', async () => {
    const cwd = join(root, 'office');
    const env = {
      ...trusting(),
      HTTPS_PROXY: `http://127.0.0.1:${connectProxy.port}`,
      PIZZAPI_RELAY_URL: `https://${FAR}`,
      PIZZAPI_RUNNER_TOKEN: tokenOf('workshop'),
    };
    const runner = start('office', ['runner', '--name', 'office', '--roots', cwd], env);
    await runDemo(await runnerIdOf('office', runner), cwd);
    expect(new Set(connectProxy.asked)).toEqual(new Set([`${FAR}:443`]));
    await stop(runner);
    const { PIZZAPI_RUNNER_TOKEN: _, ...person } = env;
    const listing = start('office', ['runner', 'list'], { ...person, PIZZAPI_API_KEY: stage.token });
    expect({ code: await listing.code, output: listing.output() }).toMatchObject({
      code: 0,
      output: expect.stringContaining('office') as string,
    });
  }, 240_000);

  it('runs a session through nginx', async ({ skip }) => {
    const binary = findNginx();
    if (binary === undefined) return skip('nginx is not on this machine: the own proxy of this test has run alone');
    const nginx = await startNginx(binary, { ...certificate, target: gatewayPort, host: new URL(relayUrl).host });
    try {
      const cwd = join(root, 'garage');
      const env = {
        ...trusting(),
        PIZZAPI_RELAY_URL: `https://localhost:${nginx.port}`,
        PIZZAPI_RUNNER_TOKEN: tokenOf('workshop'),
      };
      const runner = start('garage', ['runner', '--name', 'garage', '--roots', cwd], env);
      await runDemo(await runnerIdOf('garage', runner), cwd);
      await stop(runner);
    } finally {
      await nginx.close();
    }
  }, 240_000);

  it('connects again after its connections have gone silent without an end', async () => {
    if (silenced === undefined) throw new Error('The first machine did not come so far');
    const { runnerId, cwd } = silenced;
    const isBack = async () => {
      const reply = await apiOf(stage).createSession({ runnerId, cwd, model: 'demo/demo' });
      return reply.kind === 'ok';
    };
    await until('the first machine starts sessions again', isBack, 60_000);
    await runDemo(runnerId, cwd);
  }, 240_000);
});
