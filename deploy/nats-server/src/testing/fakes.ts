import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { InstallContext } from '../source.js';

/** Creates a folder for one test; call `remove` after the test. */
export async function scratchFolder(): Promise<{ folder: string; remove(): Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'pizzapi-nats-server-'));
  return { folder, remove: () => rm(folder, { recursive: true, force: true }) };
}

/** Writes a program that prints for `-v` what a nats-server of that version prints. */
export async function writeFakeServer(file: string, version: string): Promise<string> {
  return writeScript(file, `echo "nats-server: v${version}"`);
}

/** Writes an executable shell script. */
export async function writeScript(file: string, body: string): Promise<string> {
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, `#!/bin/sh\n${body}\n`);
  await chmod(file, 0o755);
  return file;
}

/** Returns the context of a machine with the home `home` and only the system tools on PATH. Collects the progress lines. */
export function fakeContext(home: string, env: NodeJS.ProcessEnv = {}): InstallContext & { lines: string[] } {
  const lines: string[] = [];
  return {
    env: { HOME: home, PATH: '/usr/bin:/bin', ...env },
    platform: 'linux',
    arch: 'x64',
    progress: (line) => lines.push(line),
    lines,
  };
}
