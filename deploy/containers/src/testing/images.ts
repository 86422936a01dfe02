import { mkdirSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CACHE, debianArchive, tool } from './tools.js';

const ROOT = fileURLToPath(new URL('../../../..', import.meta.url));
/** The Node of this machine is in the second one, so that another Node needs another image. */
const BASE_IMAGE = 'localhost/pizzapi-test-base:1';
const NODE_IMAGE = `localhost/pizzapi-test-node:${process.version}`;

/** What an image says about its process. */
export interface ImageConfig {
  env: Record<string, string>;
  user: string;
  command: string[];
  healthcheck: string[];
  labels: Record<string, string>;
  stopSignal: string;
}

/** An image, mounted. */
export interface BuiltImage {
  target: string;
  folder: string;
  /** Bytes of all files, as they are on a disk. */
  bytes: number;
  config: ImageConfig;
}

/** The most that the layers of earlier runs may take before they are removed. */
const MAX_STORE_BYTES = 12 * 1024 ** 3;

const store = (driver: string): string[] => [
  ...['--root', join(CACHE, driver), '--runroot', join(CACHE, `${driver}-run`), '--storage-driver', driver],
];
let driver: Promise<string> | undefined;

/** Overlay needs the kernel. The other driver copies every layer as a whole. */
async function findDriver(): Promise<string> {
  mkdirSync(CACHE, { recursive: true });
  return tool('buildah', [...store('overlay'), 'info']).then(
    () => 'overlay',
    () => 'vfs',
  );
}

async function buildah(...args: string[]): Promise<string> {
  return tool('buildah', [...store(await (driver ??= findDriver())), ...args]);
}

/** Removes the layers of earlier runs when they take too much of the disk. */
export async function limitStore(): Promise<void> {
  const used = Number((await tool('du', ['--summarize', '--bytes', CACHE])).split(/\s/)[0]);
  if (used > MAX_STORE_BYTES) await buildah('rmi', '--all', '--force');
}

/**
 * Makes the two base images: Debian from its packages, and the same with the Node and the npm of this machine. Certificate
 * authorities that this machine adds to those of Node are in the second one, because npm runs there.
 */
export async function makeBases(): Promise<void> {
  // A new base would invalidate every layer of the images.
  const known = await buildah('images', '--format', '{{.Name}}:{{.Tag}}');
  if ([BASE_IMAGE, NODE_IMAGE].every((image) => known.split('\n').includes(image))) return;
  const container = await buildah('from', 'scratch');
  const npm = dirname(dirname(realpathSync(await tool('which', ['npm']))));
  await buildah('add', '--quiet', container, await debianArchive(), '/');
  await buildah('commit', '--quiet', container, BASE_IMAGE);
  await buildah('add', '--quiet', container, process.execPath, '/usr/local/bin/node');
  await buildah('add', '--quiet', container, npm, '/usr/local/lib/node_modules/npm');
  await buildah('run', container, '--', 'ln', '-s', '../lib/node_modules/npm/bin/npm-cli.js', '/usr/local/bin/npm');
  const authorities = process.env['NODE_EXTRA_CA_CERTS'];
  if (authorities !== undefined) {
    await buildah('add', '--quiet', container, authorities, '/etc/ssl/build.pem');
    await buildah('config', '--env', 'NODE_EXTRA_CA_CERTS=/etc/ssl/build.pem', container);
  }
  await buildah('commit', '--quiet', '--rm', container, NODE_IMAGE);
}

/** Builds a target of the Dockerfile and mounts it. Call `release` with the image at the end. */
export async function buildImage(target: string): Promise<BuiltImage & { release: () => Promise<void> }> {
  const name = `localhost/pizzapi-test-${target}`;
  // The images of the run before serve to change the test.
  if (process.env['PIZZAPI_TEST_BUILD'] !== '0') await build(target, name);
  const container = await buildah('from', '--pull-never', name);
  const folder = await buildah('mount', container);
  const bytes = Number((await tool('du', ['--summarize', '--bytes', '--one-file-system', folder])).split(/\s/)[0]);
  const { Docker } = JSON.parse(await buildah('inspect', '--type', 'image', name)) as {
    Docker: { config: DockerConfig };
  };
  const release = async () => void (await buildah('rm', container));
  return { target, folder, bytes, config: configOf(Docker.config), release };
}

async function build(target: string, name: string): Promise<void> {
  await buildah(
    ...['build', '--quiet', '--layers', '--format', 'docker', '--pull-never', '--target', target, '--tag', name],
    ...['--build-arg', `NODE_IMAGE=${NODE_IMAGE}`, '--build-arg', `BASE_IMAGE=${BASE_IMAGE}`],
    ...['--build-arg', 'VERSION=1.2.3', '--file', join(ROOT, 'deploy/containers/Dockerfile'), ROOT],
  );
}

/** The part of the configuration of an image that is read here. */
interface DockerConfig {
  Env?: string[];
  User?: string;
  Entrypoint?: string[];
  Cmd?: string[];
  Labels?: Record<string, string>;
  StopSignal?: string;
  Healthcheck?: { Test?: string[] };
}

function configOf({ Env, User, Entrypoint, Cmd, Labels, StopSignal, Healthcheck }: DockerConfig): ImageConfig {
  const pairs = (Env ?? []).map(
    (pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)] as const,
  );
  const [kind, ...healthcheck] = Healthcheck?.Test ?? [];
  return {
    env: Object.fromEntries(pairs),
    user: User ?? '',
    command: [...(Entrypoint ?? []), ...(Cmd ?? [])],
    healthcheck: kind === 'CMD' ? healthcheck : [],
    labels: Labels ?? {},
    stopSignal: StopSignal ?? '',
  };
}
