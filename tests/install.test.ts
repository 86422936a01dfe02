import { findFreePort } from '@pizzapi/nats-server';
import { makeAuthority } from '@pizzapi/process/testing';
import { execFile, execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { closePages, findChromium, openBrowser } from './support/browser.js';
import { startLocalStack, type LocalStack } from './support/localStack.js';
import { openSignedIn } from './support/signIn.js';
import { walkThroughSession } from './support/walkThroughSession.js';
import { startTlsProxy, type TlsProxy } from './support/tlsProxy.js';
import { until } from './support/until.js';
import { apiOf, textsOf, watch } from './support/viewer.js';

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL('..', import.meta.url));
const npm = (...args: string[]): string => execFileSync('npm', args, { encoding: 'utf8', timeout: 60_000 }).trim();

/** Whether the registry of this machine's npm answers. */
function hasRegistry(): boolean {
  try {
    return npm('view', 'msgpackr', 'name', '--fetch-retries=0') === 'msgpackr';
  } catch {
    process.stderr.write('\nSKIPPED: no registry of npm answers, so no host was installed from the package.\n\n');
    return false;
  }
}

/** A relay behind a proxy with TLS, whose certificate an own authority has signed. Hosts reach it by this address alone. */
let stage: LocalStack;
let proxy: TlsProxy;
let relayUrl: string;
let folder: string;
const packageFolder = () => join(folder, 'package');
const authorityFile = () => join(folder, 'ca.pem');
beforeAll(async () => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'pizzapi-host-')));
  const authority = makeAuthority();
  writeFileSync(authorityFile(), authority.cert);
  const [port, gatewayPort] = [await findFreePort(), await findFreePort()];
  relayUrl = `https://localhost:${port}`;
  const host = `localhost:${port}`;
  proxy = await startTlsProxy({ ...authority.issue('localhost'), target: gatewayPort, host, port, idleMs: 60_000 });
  const flags = ['--public-url', relayUrl, '--trusted-proxies', '127.0.0.1'];
  const started = await startLocalStack({}, { port: gatewayPort, flags });
  stage = Object.assign(started, { url: `http://127.0.0.1:${gatewayPort}`, pageUrl: relayUrl });
  const archive = await (await fetch(`${stage.url}/install/pizzapi.tgz`)).arrayBuffer();
  execFileSync('tar', ['-xz', '-C', folder], { input: Buffer.from(archive) });
}, 120_000);
afterAll(async () => {
  await closePages();
  await stage.clear();
  await proxy.close();
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
}, 60_000);

interface Manifest {
  name: string;
  version: string;
  dependencies: Record<string, string>;
  bundleDependencies: string[];
}

describe('the package that the relay serves', () => {
  it('has the command, the runner and its workers, and no service of the relay', () => {
    const files = execFileSync('find', ['.', '-type', 'f'], { cwd: packageFolder(), encoding: 'utf8' }).split('\n');
    const runner = './node_modules/@pizzapi/runner/dist/bundle';
    for (const file of [
      './bin/pizzapi.mjs',
      './dist/bundle/main.js',
      './dist/bundle/terminalLoader.js',
      './LICENSE',
      './README.md',
    ])
      expect(files).toContain(file);
    for (const file of ['main.js', 'workerMain.js', 'workerLoader.js', 'external/workerMain.js'])
      expect(files).toContain(`${runner}/${file}`);
    expect(
      files.filter((file) => /\.map$|gateway|projector|\.ts$|node_modules\/(?!@pizzapi\/runner\/)/.test(file)),
    ).toEqual([]);
  });

  it('depends on packages of the registry alone, in the exact versions of this checkout', () => {
    const read = (file: string): unknown => JSON.parse(readFileSync(file, 'utf8'));
    const { name, version, dependencies, bundleDependencies } = read(join(packageFolder(), 'package.json')) as Manifest;
    expect([name, bundleDependencies]).toEqual(['pizzapi', ['@pizzapi/runner']]);
    const { '@pizzapi/runner': runner, ...others } = dependencies;
    expect(runner).toBe(version);
    for (const [one, exact] of Object.entries(others))
      expect([one, (read(join(ROOT, 'node_modules', one, 'package.json')) as Manifest).version]).toEqual([one, exact]);
    expect(Object.keys(others)).toEqual(expect.arrayContaining(['@mariozechner/pi-coding-agent', 'msgpackr', 'sharp']));
    expect(Object.keys(others).filter((one) => one.startsWith('@pizzapi/'))).toEqual([]);
  });

  it('holds no secret, no address of the relay and no path of the machine that built it', () => {
    const hosts = [stage.url, relayUrl, stage.natsUrl].map((url) => new URL(url).host);
    const secrets = [stage.token, ...hosts, stage.home, resolve(ROOT)];
    const file = readFileSync(join(stage.home, 'nats', 'credentials.json'), 'utf8');
    const credentials = [...file.matchAll(/"((?:S|pzr_)\w{20,})"/g)].map(([, one]) => one!);
    // The seeds of the services and the token of the runner.
    expect(credentials.length).toBeGreaterThan(3);
    for (const secret of [...secrets, ...credentials]) {
      const { status } = spawnGrep(secret);
      expect([secret, status]).toEqual([secret, 1]);
    }
  });
});

/** 1 when no file of the package has the text. */
function spawnGrep(text: string): { status: number } {
  try {
    execFileSync('grep', ['-rqF', '--', text, packageFolder()]);
    return { status: 0 };
  } catch (error) {
    return { status: (error as { status: number }).status };
  }
}

describe.runIf(hasRegistry())('a machine with Node, npm and an empty home', () => {
  let runner: ChildProcess | undefined;
  let runnerId: string;
  const home = () => join(folder, 'home');
  /** Nothing of this process but where npm finds its registry. */
  const env = () => ({
    ...Object.fromEntries(
      ['HTTPS_PROXY', 'NODE_EXTRA_CA_CERTS'].flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : [])),
    ),
    ...{ HOME: home(), PATH: [dirname(process.execPath), '/usr/bin', '/bin'].join(':'), PIZZAPI_DEMO_SPEED: '600' },
    PIZZAPI_CA: authorityFile(),
    ...{ NPM_CONFIG_USERCONFIG: npm('config', 'get', 'userconfig'), NPM_CONFIG_CACHE: npm('config', 'get', 'cache') },
  });
  const pizzapi = () => join(home(), '.local', 'bin', 'pizzapi');
  afterAll(async () => {
    if (runner === undefined) return;
    const gone = new Promise((done) => runner!.once('exit', done));
    runner.kill('SIGTERM');
    await gone;
  });
  /** The line of the page, for a relay whose authority the machine does not know. */
  const line = (...args: string[]) =>
    `curl -fsSL --cacert "$PIZZAPI_CA" ${relayUrl}/install.sh | sh -s -- ${args.join(' ')}`;

  it('runs a session of the relay a short while after the one line of the page', { timeout: 600_000 }, async () => {
    const start = Date.now();
    execFileSync('mkdir', ['-p', join(home(), 'project')]);
    const installing = spawn('setsid', ['-w', '/bin/sh', '-c', line('--name', 'fresh')], { env: env(), cwd: home() });
    let output = '';
    for (const stream of [installing.stdout, installing.stderr])
      stream.on('data', (data: Buffer) => (output += data.toString()));
    const ended = new Promise<number | null>((done) => installing.once('exit', done));
    const code = await until(
      'the host shows its code',
      () => {
        if (installing.exitCode !== null) throw new Error(output);
        return /\b([A-Z2-9]{4}-[A-Z2-9]{4})\b/.exec(output)?.[1];
      },
      300_000,
    );
    const installed = Date.now();
    await unwrap(apiOf(stage).approvePair(code));
    expect([await ended, output]).toEqual([0, expect.stringContaining('is installed')]);

    runner = spawn(pizzapi(), ['runner'], { env: env(), cwd: home(), stdio: 'ignore' });
    runnerId = await until('the host is online', async () => {
      const { runners } = await unwrap(apiOf(stage).runners());
      return runners.find(({ name, online }) => name === 'fresh' && online)?.runnerId;
    });
    const api = apiOf(stage);
    const { sessionId } = await unwrap(
      api.createSession({ runnerId, cwd: join(home(), 'project'), model: 'demo/demo', prompt: '/demo help' }),
    );
    const watcher = watch(stage, sessionId);
    await watcher.next('agent_end', 60_000);
    expect(textsOf(watcher, 'assistant').join('')).toContain('/demo');
    watcher.close();
    // Only the proxy leads to nats-server.
    expect(proxy.upgrades.some((path) => path.startsWith('/nats'))).toBe(true);
    const seconds = (from: number, to = Date.now()) => ((to - from) / 1000).toFixed(1);
    process.stdout.write(
      `\nFrom nothing to a session on a new host: ${seconds(start)} s, of which the installation ${seconds(start, installed)} s\n`,
    );
  });

  it.skipIf(findChromium() === undefined)('hosts what a person does in a page behind the same proxy', async () => {
    const options = { ignoreHTTPSErrors: true };
    const browser = await openBrowser();
    const { page, complaints } = await openSignedIn(stage, browser, '/', options);
    const cwd = join(home(), 'project');
    const { sessionId } = await unwrap(apiOf(stage).createSession({ runnerId, cwd, model: 'demo/demo' }));
    const guest = await walkThroughSession(stage, { browser, page, sid: sessionId, options });
    expect([...complaints, ...guest.complaints]).toEqual([]);
  });

  it('has no relay, and says so with a code', async () => {
    const local = await run(pizzapi(), ['local'], { env: env() }).catch(
      (error: unknown) => error as { stderr: string },
    );
    expect(local.stderr).toMatch(/^relay_not_included: .*pizzapi runner/);
  });

  it('the same line again installs and pairs nothing', { timeout: 120_000 }, async () => {
    const prefix = join(home(), '.local/share/pizzapi');
    const state = () => readdirSync(prefix).map((name) => [name, statSync(join(prefix, name)).ino]);
    const before = state();
    const { stdout } = await run('setsid', ['-w', '/bin/sh', '-c', line()], { env: env() });
    expect(stdout).toContain('This machine is paired with');
    expect(state()).toEqual(before);
  });
});

async function unwrap<T>(
  asked: Promise<{ kind: 'ok'; value: T } | { kind: 'failed'; error: { code: string; message: string } }>,
): Promise<T> {
  const answer = await asked;
  if (answer.kind === 'failed') throw new Error(`${answer.error.code}: ${answer.error.message}`);
  return answer.value;
}
