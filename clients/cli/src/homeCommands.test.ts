import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkLinkToken, ensureGatewaySecret, localToken, newGatewaySecret } from '@pizzapi/process';
import { initialRunnerInfo, initialSessionInfo } from '@pizzapi/protocol';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { exposure, issuerFindings, networkFinding, runnerFindings, versionFindings } from './doctor/running.js';
import { checkNode, checkPi, checkReads, checkSecrets } from './doctor/machine.js';
import { writeMadeUpNatsAccess } from './testing/natsAccess.js';
import { run } from './testing/run.js';

let home: string;
let env: NodeJS.ProcessEnv;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "pizzapi-it's-"));
  env = { PIZZAPI_HOME: home, PATH: '' };
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

function localRun(url: string, more: object = {}): void {
  const state = { pid: process.pid, url, natsUrl: 'nats://127.0.0.1:1', ...more };
  writeFileSync(join(home, 'local.json'), JSON.stringify(state), { mode: 0o600 });
}

describe('nats-env', () => {
  it('prints exports of the read-only login that any shell takes', async () => {
    writeMadeUpNatsAccess(home);
    expect((await run(['nats-env'], { env })).stdout).toBe(
      "export NATS_URL='nats://127.0.0.1:1'\nexport NATS_USER='auditor'\nexport NATS_PASSWORD='p'\\''auditor'\n",
    );
  });

  it('nats-env names the command to start when there was no local run', async () => {
    const { code, stderr } = await run(['nats-env'], { env });
    expect(code).toBe(1);
    expect(stderr).toMatch(/^nats_unreachable: .*credentials\.json does not exist.*pizzapi local/);
  });
});

describe('link', () => {
  it('link prints an address whose token the gateway of this home accepts', async () => {
    const secret = ensureGatewaySecret(home);
    localRun('http://127.0.0.1:7492');
    const { stdout } = await run(['link'], { env });
    const [url, token] = stdout.trim().split('/#login=');
    expect(url).toBe('http://127.0.0.1:7492');
    expect(checkLinkToken(secret, token!, Date.now())).toMatchObject({ kind: 'valid' });
  });

  it("link prints the page's address, and prints the gateway's address for programs", async () => {
    ensureGatewaySecret(home);
    localRun('http://127.0.0.1:7492', { pageUrl: 'http://pizzapi.localhost:7492' });
    expect((await run(['link'], { env })).stdout).toMatch(/^http:\/\/pizzapi\.localhost:7492\/#login=/);
    const { url, loginUrl } = JSON.parse((await run(['link', '--json'], { env })).stdout) as Record<string, string>;
    expect([url, new URL(loginUrl!).host]).toEqual(['http://127.0.0.1:7492', 'pizzapi.localhost:7492']);
    expect((await run(['link', '--exports'], { env })).stdout).toContain("PIZZAPI_RELAY_URL='http://127.0.0.1:7492'");
  });

  it('link signs in at the public address of a gateway elsewhere, whose secret is in a variable or a file', async () => {
    const secret = newGatewaySecret();
    const file = join(home, 'gateway-secret');
    writeFileSync(file, `${secret}\n`);
    for (const given of [{ PIZZAPI_GATEWAY_SECRET: secret }, { PIZZAPI_GATEWAY_SECRET_FILE: file }]) {
      const { stdout } = await run(['link', '--public-url', 'https://pizza.example'], { env: { ...env, ...given } });
      const [url, token] = stdout.trim().split('/#login=');
      expect(url).toBe('https://pizza.example');
      expect(checkLinkToken(Buffer.from(secret, 'base64url'), token!, Date.now())).toMatchObject({ kind: 'valid' });
      expect((await run(['link'], { env: { ...env, ...given } })).stderr).toMatch(
        /^bad_option: Set PIZZAPI_PUBLIC_URL/,
      );
    }
    const bad = await run(['link'], {
      env: { ...env, PIZZAPI_GATEWAY_SECRET: 'short', PIZZAPI_PUBLIC_URL: 'https://h' },
    });
    expect(bad.stderr).toMatch(/^bad_option: PIZZAPI_GATEWAY_SECRET must be 32 bytes/);
  });

  it('link fails when no gateway of this home runs', async () => {
    expect((await run(['link'], { env })).stderr).toMatch(/^gateway_unreachable: No local run uses/);
  });
});

describe('sessions', () => {
  let server: Server;
  const requests: IncomingMessage[] = [];
  beforeEach(async () => {
    requests.length = 0;
    server = createServer((request, response) => {
      requests.push(request);
      const found = request.url?.split('?', 1)[0] === '/api/sessions';
      response.writeHead(found ? 200 : 404, { 'content-type': 'application/json' });
      response.end(JSON.stringify(found ? { sessions: [initialSessionInfo('s1')] } : {}));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  afterEach(() => new Promise((resolve) => server.close(resolve)));
  const url = () => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  it('sessions reads from the local run, with the secret of the local run as credential', async () => {
    const token = localToken(ensureGatewaySecret(home));
    localRun(url());
    const { stdout } = await run(['sessions', '--json'], { env });
    expect(JSON.parse(stdout)).toMatchObject({ sessionId: 's1' });
    expect(requests[0]!.headers.authorization).toBe(`Bearer ${token}`);
  });

  it('sessions prefers a named gateway and an API key', async () => {
    localRun('http://127.0.0.1:1');
    await run(['sessions', '--relay-url', url()], { env: { ...env, PIZZAPI_API_KEY: 'k' } });
    expect(requests[0]!.headers.authorization).toBe('Bearer k');
  });

  it('sessions prints what to do when the gateway does not answer', async () => {
    // A port that is never assigned: a port that was released could be reassigned to another program.
    const { code, stderr } = await run(['sessions', '--relay-url', 'http://127.0.0.1:2'], { env });
    expect(code).toBe(1);
    expect(stderr).toMatch(/^gateway_unreachable: \S+ did not answer \(ECONNREFUSED\)\. Start the gateway/);
  });
});

describe('doctor', () => {
  it('doctor reports problems and what to do, and exits with code 1', async () => {
    const fake = { ...env, PIZZAPI_NATS_URL: 'nats://127.0.0.1:1', PIZZAPI_RELAY_URL: 'http://127.0.0.1:1' };
    const { code, stdout } = await run(['doctor', '--json'], { env: fake });
    expect(code).toBe(1);
    const report = JSON.parse(stdout) as { ok: boolean; checks: { check: string; level: string; todo?: string }[] };
    expect(report.ok).toBe(false);
    const levels = Object.fromEntries(report.checks.map(({ check, level }) => [check, level]));
    expect(levels).toMatchObject({ node: 'ok', 'local run': 'warn', nats: 'fail', gateway: 'fail', secrets: 'ok' });
    expect(levels['reads']).toBe(process.platform === 'linux' ? 'warn' : 'ok');
    for (const { level, todo } of report.checks) if (level !== 'ok') expect(todo).toMatch(/\S/);
  });

  it.skipIf(process.platform !== 'linux')('doctor reports whether read-only commands run in a sandbox', async () => {
    expect(await checkReads(env)).toMatchObject({
      level: 'warn',
      text: 'Only checked: read-only commands run without a sandbox, because there is no bwrap on the PATH',
    });
    const program = join(home, 'bwrap');
    writeFileSync(program, '#!/bin/sh\nexit 0\n', { mode: 0o755 });
    expect(await checkReads({ PATH: home })).toEqual({
      ...{ check: 'reads', level: 'ok' },
      text: `Enforced: read-only commands run in a sandbox (${program})`,
    });
  });

  it('doctor reports secrets that other users can read', () => {
    ensureGatewaySecret(home);
    expect(checkSecrets(home)).toMatchObject([{ level: 'ok' }]);
    chmodSync(join(home, 'gateway.json'), 0o640);
    const [finding] = checkSecrets(home);
    expect(finding).toMatchObject({ level: 'fail', todo: `chmod 600 ${join(home, 'gateway.json')}` });
  });

  it('doctor names providers and never prints their keys', () => {
    const keys = { anthropic: { type: 'api_key', key: 'sk-secret' } };
    writeFileSync(join(home, 'auth.json'), JSON.stringify(keys));
    const finding = checkPi({ PI_CODING_AGENT_DIR: home, OPENAI_API_KEY: 'sk-other' });
    expect(finding).toMatchObject({ level: 'ok', text: expect.stringContaining('anthropic, openai') as string });
    expect(JSON.stringify(finding)).not.toContain('sk-');
    expect(checkPi({ PI_CODING_AGENT_DIR: join(home, 'none') })).toMatchObject({ level: 'warn' });
  });

  it('doctor says which runner is older or newer than its relay, whether it works, and the line that updates it', () => {
    const relay = { version: '0.2.0', wire: 2 };
    const runner = (name: string, version: string, wire?: number, online = true) => ({
      ...{ ...initialRunnerInfo(name), name, version, online },
      ...(wire === undefined ? {} : { wire }),
    });
    const runners = [
      runner('same', '0.2.0', 2),
      runner('older', '0.1.0', 2),
      runner('too old', '0.1.0'),
      runner('away', '0.1.0', 2, false),
    ];
    expect(versionFindings(runners, relay, 'https://h')).toMatchObject([
      {
        check: 'version',
        level: 'warn',
        text: expect.stringMatching(/^older: .*0\.1\.0, older than 0\.2\.0/) as string,
      },
      {
        level: 'fail',
        text: expect.stringMatching(/wires/) as string,
        todo: expect.stringMatching(/curl -fsSL https:\/\/h/) as string,
      },
    ]);
  });

  it('doctor warns of an old Node, a gateway open to the network, and a runner that is offline', () => {
    expect(checkNode('v20.18.1')).toMatchObject({ level: 'fail' });
    expect(exposure('http://192.168.1.5:7492')).toMatchObject({ level: 'warn' });
    expect(exposure('https://relay.example')).toMatchObject({ level: 'ok' });
    expect(exposure('http://[::1]:7492')).toMatchObject({ level: 'ok' });
    const at = (url: string, secure: boolean) => networkFinding({ addresses: [{ url, kind: 'lan', secure }] });
    expect(at('http://192.168.1.5:7492', false)).toMatchObject({ level: 'warn' });
    expect(at('http://192.168.1.5:7492', false).text).toContain('http://192.168.1.5:7492');
    expect(at('https://box.ts.net:7492', true)).toMatchObject({ level: 'ok' });
    expect(networkFinding({ addresses: [] }).text).toContain('npm start -- --lan');
    expect(runnerFindings([])).toMatchObject([{ level: 'fail' }]);
  });

  it('tells whether the issuer that people sign in through answers', () => {
    const options = { signup: 'closed', accounts: true } as const;
    expect(issuerFindings(options)).toEqual([]);
    expect(issuerFindings({ ...options, issuer: { name: 'Acme', available: true } })).toMatchObject([{ level: 'ok' }]);
    const [away] = issuerFindings({ ...options, passwords: false, issuer: { name: 'Acme', available: false } });
    expect(away).toMatchObject({ level: 'warn', text: expect.stringContaining('New sign-ins fail') as string });
  });
});
