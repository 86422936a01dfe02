import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Context } from '../server/source.js';

/** A folder of its own for one test; `remove` when it is over. */
export async function scratchFolder(): Promise<{ folder: string; remove(): Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'pizzapi-server-'));
  return { folder, remove: () => rm(folder, { recursive: true, force: true }) };
}

/** A program that answers `-v` as a nats-server of that version does. */
export async function writeFakeServer(file: string, version: string): Promise<string> {
  return writeScript(file, `echo "nats-server: v${version}"`);
}

/** A shell script that can be run. */
export async function writeScript(file: string, body: string): Promise<string> {
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, `#!/bin/sh\n${body}\n`);
  await chmod(file, 0o755);
  return file;
}

/** The context of a machine whose home is `home`, with nothing of this one's but its system tools; notes the progress. */
export function fakeContext(home: string, env: NodeJS.ProcessEnv = {}): Context & { lines: string[] } {
  const lines: string[] = [];
  return {
    env: { HOME: home, PATH: '/usr/bin:/bin', ...env },
    platform: 'linux',
    arch: 'x64',
    progress: (line) => lines.push(line),
    lines,
  };
}
