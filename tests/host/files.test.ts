import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { MethodReply, MethodRequest, RunnerMethod } from '@pizzapi/protocol';
import { UPLOAD_PART_BYTES, uploadFile } from '@pizzapi/session-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCli } from '../support/cli.js';
import { startLocalStack, type LocalStack } from '../support/localStack.js';
import { childOf } from '../support/processes.js';
import { until } from '../support/until.js';
import { apiOf, newSession, tell } from '../support/viewer.js';

let stack: LocalStack;
let rid: string;
/** A folder that no request may reach. */
let outside: string;

beforeAll(async () => {
  stack = await startLocalStack();
  outside = join(stack.home, '..', 'person-of-another');
  mkdirSync(outside);
  writeFileSync(join(outside, 'secret.txt'), 'needle outside');
  symlinkSync(outside, join(stack.project, 'out'));
  writeFileSync(join(stack.project, 'notes.md'), '# Notes\n\nOne needle here.\n');
  rid = await until('the runner is online', async () => {
    const reply = await apiOf(stack).runners();
    return reply.kind === 'ok' ? reply.value.runners.find(({ online }) => online)?.runnerId : undefined;
  });
}, 120_000);
afterAll(() => stack.clear());

async function ask<M extends RunnerMethod>(method: M, request: MethodRequest<M>): Promise<MethodReply<M>> {
  const reply = await apiOf(stack).runnerCall(rid, method, request);
  if (reply.kind === 'failed') throw Object.assign(new Error(reply.error.message), reply.error);
  return reply.value;
}
const base64 = (text: string) => Buffer.from(text).toString('base64');
const cli = (...words: string[]) => runCli(stack, ...words);

describe('files of a host', () => {
  it('that the agent writes while a person edits them are not lost: the person sees both versions', async () => {
    const sid = await newSession(stack);
    const path = 'shared.txt';
    await ask('create_file', { sessionId: sid, path, content: base64('first') });
    const opened = await ask('read_file', { sessionId: sid, path });
    const folders = ['.'];
    const watched = await ask('watch_folders', { sessionId: sid, folders });
    const change = ask('watch_folders', { sessionId: sid, folders, watchId: watched.watchId, after: watched.next });
    await tell(stack, sid, `/demo call write ${JSON.stringify({ path, content: 'of the agent' })}`);
    expect((await change).changed).toEqual([0]);
    await until('the agent has written', () => readFileSync(join(stack.project, path), 'utf8') === 'of the agent');
    const mine = { sessionId: sid, path, content: base64('of the person') };
    const refused = await ask('write_file', { ...mine, ifVersion: opened.version }).catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: 'file_changed', details: { asked: opened.version, current: { size: 12 } } });
    const current = await ask('read_file', { sessionId: sid, path });
    expect(Buffer.from(current.content, 'base64').toString()).toBe('of the agent');
    await ask('write_file', { ...mine, ifVersion: current.version });
    expect(readFileSync(join(stack.project, path), 'utf8')).toBe('of the person');
  });

  it(
    'are uploaded to the end although the gateway dies at half, and downloaded the same',
    { timeout: 120_000 },
    async () => {
      const size = 6 * UPLOAD_PART_BYTES + 123;
      const bytes = Buffer.alloc(size);
      for (let at = 0; at < size; at += 4) bytes.writeUInt32LE(at % 4_294_967_291, Math.min(at, size - 4));
      let killed = false;
      const outcome = await uploadFile(
        apiOf(stack),
        rid,
        { path: 'project/film.bin' },
        {
          size,
          slice: async (from, to) => new Uint8Array(bytes.subarray(from, to)),
        },
        {
          onProgress: (received) => {
            if (killed || received < size / 2) return;
            killed = true;
            process.kill(childOf(stack.pid, 'gateway/dist'), 'SIGKILL');
          },
        },
      );
      expect(outcome).toMatchObject({ kind: 'ok', value: { size } });
      expect(killed).toBe(true);
      const hash = (content: Uint8Array) => createHash('sha256').update(content).digest('hex');
      expect(hash(readFileSync(join(stack.project, 'film.bin')))).toBe(hash(bytes));
      const read = async (response: Response) => new Uint8Array(await response.arrayBuffer());
      const got = await apiOf(stack).download(rid, { path: 'project/film.bin' }, read);
      expect(got.kind === 'ok' && hash(got.value)).toBe(hash(bytes));
      expect(readdirSync(stack.project).filter((name) => name.startsWith('.pizzapi'))).toEqual([]);
    },
  );

  it('are found by name and by content, by what the host has to search', async () => {
    mkdirSync(join(stack.project, 'deep', 'er'), { recursive: true });
    writeFileSync(join(stack.project, 'deep', 'er', 'fileTree.ts'), 'a\nb needle\n');
    const found = await ask('search_files', { query: 'needle', in: 'contents', path: 'project', waitMs: 20_000 });
    const matches = [...found.matches];
    for (let { next } = found; next !== undefined;) {
      const more = await ask('search_more', { searchId: found.searchId, after: next, waitMs: 20_000 });
      matches.push(...more.matches);
      next = more.next;
    }
    expect(matches.map(({ path, line }) => `${path}:${line}`).sort()).toEqual(['deep/er/fileTree.ts:2', 'notes.md:3']);
    const names = await ask('search_files', { query: 'filetr', in: 'names', waitMs: 20_000 });
    expect(names.matches).toMatchObject([{ path: 'project/deep/er/fileTree.ts', kind: 'file' }]);
  });

  it('outside of the roots are neither read nor written, whatever a request names', async () => {
    const before = statSync(outside).mtimeMs;
    const paths = [
      ...['../person-of-another/secret.txt', join(outside, 'secret.txt'), 'project/out/secret.txt', '/etc/passwd'],
      ...[
        '/proc/self/environ',
        '/dev/zero',
        'project/%2e%2e/%2e%2e/%2e%2e/etc/passwd',
        `${stack.project}/../../state/gateway.json`,
      ],
      { base64: base64('../person-of-another/secret.txt') },
    ];
    const tries: ((path: MethodRequest<'read_file'>['path']) => Promise<unknown>)[] = [
      (path) => ask('read_file', { path }),
      (path) => ask('list_files', { path }),
      (path) => ask('search_files', { path, query: 'needle', in: 'contents' }),
      (path) => ask('write_file', { path, content: base64('x') }),
      (path) => ask('create_file', { path }),
      (path) => ask('make_folder', { path }),
      (path) => ask('move_file', { path, to: 'project/stolen' }),
      (path) => ask('move_file', { path: 'project/notes.md', to: path }),
      (path) => ask('delete_file', { path, recursive: true, permanently: true }),
      (path) => ask('upload_begin', { path, size: 1, overwrite: true }),
    ];
    for (const path of paths) {
      for (const attempt of tries) {
        const refused = await attempt(path).catch((error: unknown) => error);
        expect(['path_outside', 'file_not_found']).toContain((refused as { code?: string }).code);
      }
      expect((await ask('find_paths', { paths: [path] })).found).toEqual([null]);
      const got = await apiOf(stack).download(rid, { path }, (response) => response.text());
      expect(got).toMatchObject({
        kind: 'failed',
        status: expect.toSatisfy((status: number) => status === 422 || status === 404) as number,
      });
    }
    expect([readdirSync(outside), statSync(outside).mtimeMs]).toEqual([['secret.txt'], before]);
    expect(readFileSync(join(outside, 'secret.txt'), 'utf8')).toBe('needle outside');
  });

  it('are listed, printed, sent, fetched and searched by the command line', async () => {
    const runner = rid;
    expect((await cli('files', 'ls', runner, 'project')).stdout).toMatch(/NAME\n(?:.*\n)*.*notes\.md\n/);
    expect((await cli('files', 'cat', runner, 'project/notes.md')).stdout).toBe('# Notes\n\nOne needle here.\n');
    const local = join(stack.home, 'local.md');
    expect((await cli('files', 'get', runner, 'project/notes.md', local)).code).toBe(0);
    expect((await cli('files', 'put', runner, local, 'project/notes.md')).stderr).toContain('file_exists');
    expect((await cli('files', 'put', runner, local, 'project/copy.md')).code).toBe(0);
    expect((await cli('files', 'search', runner, 'One needle', 'project')).stdout).toContain(
      'copy.md:3: One needle here.',
    );
    expect((await cli('files', 'cat', runner, '/etc/passwd')).stderr).toContain('path_outside');
  });
});
