import { findFreePorts, processContext, requireNatsServer } from '@pizzapi/nats-server';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { TARGETS } from './dockerfile.js';
import { healthOf, startContainer, type Container, type StartOptions } from './testing/container.js';
import { buildImage, limitStore, makeBases, type BuiltImage } from './testing/images.js';
import { whyNot } from './testing/tools.js';

/** The most that the image of a service may have on a disk. */
const MAX_BYTES = 250_000_000;
/** The user of the images. */
const USER = 10_001;
/** A user of which the image knows nothing. */
const OTHER_USER = 20_002;
const PATIENT = { timeout: 120_000, interval: 250 };
/** The time that Kubernetes and Docker give a process to stop is longer. */
const STOP_MS = 20_000;

const why = whyNot();
if (why !== undefined) console.warn(`\nSKIPPED: no image was built or started, because ${why}.\n`);

describe.skipIf(why !== undefined)('the images', () => {
  const folder = mkdtempSync(join(tmpdir(), 'pizzapi-images-'));
  const secrets = join(folder, 'secrets');
  const images = new Map<string, BuiltImage>();
  const undo: (() => unknown)[] = [() => limitStore(), () => rmSync(folder, { recursive: true, force: true })];
  let ports: number[];

  const imageOf = (target: string): BuiltImage => images.get(target)!;
  const start = (target: string, options: StartOptions): Container => {
    const container = startContainer(imageOf(target), options);
    undo.push(() => container.kill());
    return container;
  };
  /** Runs a command of the image of operators to its end, and returns what it printed. */
  const operate = async (args: string[], options: StartOptions = {}): Promise<string> => {
    const container = start('provision', { args, secrets, ...options });
    expect(await container.exited, container.output()).toBe(0);
    return container.output();
  };
  const ownFolder = (name: string, user = USER): string => {
    const path = join(folder, name);
    mkdirSync(path, { mode: 0o700 });
    chownSync(path, user, user);
    return path;
  };
  const natsUrl = () => `nats://127.0.0.1:${ports[0]}`;
  const gatewayUrl = () => `http://127.0.0.1:${ports[3]}`;

  /** Starts nats-server with the configuration of compose.yaml, at ports and in a folder of this test. */
  const startNats = async () => {
    const { binary } = await requireNatsServer(processContext());
    const conf = readFileSync(new URL('../nats/one.conf', import.meta.url), 'utf8')
      .replace('0.0.0.0:4222', `127.0.0.1:${ports[0]}`)
      .replace('127.0.0.1:8222', `127.0.0.1:${ports[1]}`)
      .replace('0.0.0.0:8443', `127.0.0.1:${ports[2]}`)
      .replace('/data', join(folder, 'jetstream'));
    writeFileSync(join(secrets, 'nats.conf'), conf);
    const server = spawn(binary, ['--config', join(secrets, 'nats.conf')], { stdio: 'ignore' });
    undo.push(async () => {
      server.kill();
      await once(server, 'exit');
    });
    const isHealthy = () =>
      fetch(`http://127.0.0.1:${ports[1]}/healthz`).then(
        ({ ok }) => ok,
        () => false,
      );
    await vi.waitFor(async () => expect(await isHealthy()).toBe(true), PATIENT);
  };

  beforeAll(async () => {
    ports = await findFreePorts(8);
    await makeBases();
    for (const target of TARGETS) {
      const image = await buildImage(target);
      images.set(target, image);
      undo.push(() => image.release());
    }
    ownFolder('secrets');
    await operate(['credentials', '/secrets', '--readable'], { volumes: { '/secrets': secrets }, secrets: '' });
    await startNats();
  });
  afterAll(async () => {
    for (const step of undo.toReversed()) await step();
  });

  it('the image of a service has at most 250 MB, and every image the labels of its version', () => {
    const sizes = TARGETS.map((target) => [target, Math.round(imageOf(target).bytes / 1024 ** 2)] as const);
    console.info(`MiB: ${sizes.map(([target, size]) => `${target} ${size}`).join(', ')}`);
    for (const target of TARGETS.filter((one) => one !== 'runner'))
      expect(imageOf(target).bytes, target).toBeLessThanOrEqual(MAX_BYTES);
    for (const target of TARGETS) {
      const { labels, user, stopSignal } = imageOf(target).config;
      expect(labels['org.opencontainers.image.version'], target).toBe('1.2.3');
      expect([user, stopSignal], target).toEqual([`${USER}:${USER}`, 'SIGTERM']);
    }
  });

  it('the image of operators provisions a nats-server, with the owner, and changes nothing the second time', async () => {
    const env = { PIZZAPI_NATS_URL: natsUrl(), PIZZAPI_NATS_ADMIN_NKEY_FILE: '/run/secrets/admin-nkey' };
    expect(await operate(['provision', '--owner'], { env })).toContain('Created the account of the owner');
    expect(await operate(['provision', '--owner'], { env })).toBe('Nothing to change\n');
  });

  /** The processes in the order of their start, with what compose.yaml gives them. */
  const processes: [string, () => StartOptions & { env: Record<string, string> }][] = [
    [
      'authenticator',
      () => ({
        env: {
          PIZZAPI_NATS_NKEY_FILE: '/run/secrets/authenticator-nkey',
          PIZZAPI_NATS_ADMIN_NKEY_FILE: '/run/secrets/admin-nkey',
          PIZZAPI_AUTH_ISSUER_FILE: '/run/secrets/auth-issuer',
        },
      }),
    ],
    ['meta-projector', () => ({ env: { PIZZAPI_NATS_NKEY_FILE: '/run/secrets/projector-nkey' } })],
    [
      'gateway',
      () => ({
        env: {
          PIZZAPI_NATS_NKEY_FILE: '/run/secrets/gateway-nkey',
          PIZZAPI_GATEWAY_SECRET_FILE: '/run/secrets/gateway-secret',
          PIZZAPI_NATS_WEBSOCKET_URL: `ws://127.0.0.1:${ports[2]}`,
          PIZZAPI_PORT: String(ports[3]),
        },
      }),
    ],
    [
      'runner',
      () => ({
        env: { PIZZAPI_RUNNER_TOKEN_FILE: '/run/secrets/runner-token', PIZZAPI_RUNNER_NAME: 'container' },
        user: `${OTHER_USER}:${OTHER_USER}`,
        volumes: { '/data': ownFolder('data', OTHER_USER), '/workspace': ownFolder('workspace', OTHER_USER) },
      }),
    ],
  ];
  const running = new Map<string, { container: Container; env: Record<string, string> }>();

  it.each(processes)(
    'the image of the %s becomes healthy as a user without rights on a read-only root, and writes nothing but volumes',
    async (target, optionsOf) => {
      if (target === 'runner') {
        const env = { PIZZAPI_RELAY_URL: gatewayUrl(), PIZZAPI_GATEWAY_SECRET_FILE: '/run/secrets/gateway-secret' };
        const printed = await operate(['keys', 'create', 'container', '--runner'], { env });
        const token = /pzr_\w+/.exec(printed)?.[0] ?? '';
        writeFileSync(join(secrets, 'runner-token'), token, { mode: 0o444 });
      }
      const { env: own, ...options } = optionsOf();
      const health = ports[4 + processes.findIndex(([name]) => name === target)]!;
      const env = { PIZZAPI_NATS_URL: natsUrl(), PIZZAPI_HEALTH_PORT: String(health), ...own };
      const container = start(target, { ...options, env, secrets });
      running.set(target, { container, env });
      const ended = container.exited.then((code) => {
        throw new Error(`${target} ended with ${code}: ${container.output()}`);
      });
      await Promise.race([ended, expect.poll(() => healthOf(imageOf(target), env), PATIENT).toBe(0)]);
      const status = readFileSync(`/proc/${container.pid()}/status`, 'utf8');
      const uid = Number((options.user ?? String(USER)).split(':')[0]);
      expect(status).toMatch(new RegExp(`^Uid:(\\s${uid}){4}$`, 'm'));
      expect(status).toMatch(/^CapEff:\s0+$/m);
      expect(status).toMatch(/^NoNewPrivs:\s1$/m);
      expect(readFileSync(`/proc/${container.pid()}/mounts`, 'utf8')).toMatch(/^\S+ \/ \S+ ro,/m);
      expect(await (await fetch(`http://127.0.0.1:${health}/metrics`)).text()).toContain(
        'pizzapi_backbone_reconnects_total 0',
      );
    },
  );

  it('the gateway serves the page and the package of hosts, no metrics, and knows the runner', async () => {
    const get = async (path: string, headers = {}) => fetch(gatewayUrl() + path, { headers });
    expect(await (await get('/')).text()).toContain('<html');
    expect((await get('/install/pizzapi.tgz')).status).toBe(200);
    expect((await get('/metrics')).status).toBe(404);
    const env = { PIZZAPI_RELAY_URL: gatewayUrl(), PIZZAPI_GATEWAY_SECRET_FILE: '/run/secrets/gateway-secret' };
    await expect.poll(() => operate(['runner', 'list'], { env }), PATIENT).toContain('container');
    expect(await operate(['link', '--public-url', gatewayUrl()], { env })).toMatch(
      /^http:\/\/127\.0\.0\.1:\d+\/#login=/,
    );
  });

  it('the image of the runner has git, rg, fd and pi, and an init that reaps what agents leave behind', async () => {
    const { container } = running.get('runner')!;
    expect(readFileSync(`/proc/${container.pid()}/comm`, 'utf8').trim()).toBe('tini');
    for (const program of ['git', 'rg', 'fd', 'pi', 'pizzapi']) {
      const asked = start('runner', { command: [program, '--version'], env: { HOME: '/tmp' } });
      expect([program, await asked.exited], asked.output()).toEqual([program, 0]);
    }
  });

  it.each(processes.map(([target]) => target).toReversed())(
    'the image of the %s stops in time on SIGTERM',
    async (target) => {
      const { container, env } = running.get(target)!;
      const from = Date.now();
      process.kill(container.pid(), 'SIGTERM');
      expect(await container.exited, container.output()).toBe(0);
      expect(Date.now() - from).toBeLessThan(STOP_MS);
      expect(await healthOf(imageOf(target), env)).toBe(1);
    },
  );
});
