import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CodedError } from '@pizzapi/protocol';
import { HostFiles, type FileCaller, type HostFilesDeps } from '../daemon/files/hostFiles.js';

/** A host with one root, and a folder beside the root that no request may reach. */
export interface FilesOnDisk {
  readonly base: string;
  readonly root: string;
  readonly outside: string;
  /** The content of `secret.txt` in `outside`. */
  readonly secret: string;
  open(deps?: Partial<HostFilesDeps>): Promise<HostFiles>;
  close(): Promise<void>;
}

export const FILE_CALLER: FileCaller = { userId: 'ada', within: undefined, signal: new AbortController().signal };

export async function filesOnDisk(): Promise<FilesOnDisk> {
  const base = await realpath(await mkdtemp(join(tmpdir(), 'pizzapi-files-')));
  const [root, outside] = [join(base, 'home'), join(base, 'home-of-another')];
  const secret = 'the secret of another';
  await Promise.all([mkdir(root), mkdir(outside)]);
  await writeFile(join(outside, 'secret.txt'), secret);
  const all: HostFiles[] = [];
  return {
    ...{ base, root, outside, secret },
    async open(deps = {}) {
      const files = await HostFiles.create({
        ...{ roots: [root], closed: [], uploads: join(base, 'uploads') },
        hosts: { get: () => undefined },
        env: { PATH: process.env['PATH'], HOME: base, XDG_DATA_HOME: join(base, 'data') },
        programs: () => ({ ripgrep: undefined, git: undefined, walker: join(base, 'none.js') }),
        git: undefined,
        ...deps,
      });
      all.push(files);
      return files;
    },
    async close() {
      await Promise.all(all.map((files) => files.stop()));
      await rm(base, { recursive: true, force: true });
    },
  };
}

/** The code with which a request is refused, or what it answered. */
export async function codeOf(work: Promise<unknown>): Promise<unknown> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof CodedError) return error.code;
    throw error;
  }
}
