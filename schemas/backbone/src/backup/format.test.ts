import { mkdir, mkdtemp, readdir, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encode } from '@pizzapi/protocol';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { StoredMessage } from '../message.js';
import { SegmentDraft } from './backup.js';
import { checkFolder, openBackupFolder, readBackupFolder, type BackupSource } from './backupFolder.js';
import { unpackStream } from './backupStream.js';
import type { BackupManifest } from './manifest.js';
import { restore } from './restore.js';
import { encodeMessage, readSegment, segmentStart } from './segment.js';

let root: string;
beforeAll(async () => void (root = await mkdtemp(join(tmpdir(), 'pizzapi-format-'))));
afterAll(() => rm(root, { recursive: true, force: true }));

const INVALID = { code: 'backup_invalid' };
const message = (seq: number, more: { subject?: string; text?: string } = {}) =>
  new StoredMessage({
    ...{ seq, prevSeq: 0, at: 1, payload: encode({ seq }), subject: 'session.a.events', text: 'NATS/1.0\r\n\r\n' },
    ...more,
  });
const chunks = async function* (...parts: (Uint8Array | string)[]) {
  for (const part of parts) yield typeof part === 'string' ? Buffer.from(part) : part;
};
const read = async (...parts: Uint8Array[]): Promise<number[]> => {
  const seqs: number[] = [];
  for await (const { seq } of readSegment('x.seg', chunks(...parts))) seqs.push(seq);
  return seqs;
};

/** A folder with a backup of a few messages. */
async function backupOf(
  messages: StoredMessage[],
  { of = 'SESSIONS', kind = 'stream' as const, change = (manifest: BackupManifest) => manifest } = {},
): Promise<string> {
  const path = await mkdtemp(join(root, 'backup-'));
  const sink = await openBackupFolder(path);
  const draft = new SegmentDraft(kind, of);
  for (const each of messages) draft.add(each);
  const { parts, entry } = draft.take('00000001-SESSIONS.seg');
  await sink.put(entry.file, parts);
  const manifest: BackupManifest = {
    ...{ format: 1, product: '0', wire: 1, of: {}, createdAt: 1, updatedAt: 1, isComplete: true, log: 'x' },
    ...{ partitions: 1, cut: {}, epoch: 0, durables: [], segments: [entry] },
  };
  await sink.save(change(manifest));
  await sink.close();
  return path;
}

const contentOf = async (path: string): Promise<number> => {
  const source: BackupSource = await readBackupFolder(path);
  await checkFolder(path, source.manifest);
  let count = 0;
  for (const segment of source.manifest.segments) for await (const each of source.read(segment)) count += each.seq;
  return count;
};

describe('a segment', () => {
  const whole = Buffer.concat([segmentStart(), encodeMessage(message(1)), encodeMessage(message(2))]);

  it('is read whatever the chunks are in which it comes', async () => {
    expect(await read(whole)).toEqual([1, 2]);
    expect(await read(...Array.from(whole, (byte) => Buffer.of(byte)))).toEqual([1, 2]);
  });

  it('that ends within a record, that has a changed byte, or that claims too much is refused', async () => {
    await expect(read(whole.subarray(0, -1))).rejects.toMatchObject(INVALID);
    const changed = Buffer.from(whole);
    changed[changed.length - 2]! ^= 1;
    await expect(read(changed)).rejects.toMatchObject(INVALID);
    const huge = Buffer.from(whole);
    huge.writeUInt32BE(0xffffffff, segmentStart().length);
    await expect(read(huge)).rejects.toMatchObject(INVALID);
    await expect(read(Buffer.from('not a segment at all'))).rejects.toMatchObject(INVALID);
  });

  it('with a header that would become two is refused', async () => {
    const text = 'NATS/1.0\r\nA: b\nNats-Rollup: all\r\n\r\n';
    await expect(read(segmentStart(), encodeMessage(message(1, { text })))).rejects.toMatchObject(INVALID);
  });
});

describe('the folder of a backup', () => {
  it('is read as it was written', async () => {
    expect(await contentOf(await backupOf([message(1), message(2)]))).toBe(3);
  });

  it('is refused when a file was changed, cut off, removed, or replaced by a link, a folder or a pipe', async () => {
    const file = '00000001-SESSIONS.seg';
    const changes: ((path: string) => Promise<unknown>)[] = [
      (path) => writeFile(path, 'x'),
      (path) => truncate(path, 20),
      (path) => rm(path),
      (path) => rm(path).then(() => symlink('/etc/hostname', path)),
      (path) => rm(path).then(() => mkdir(path)),
    ];
    for (const change of changes) {
      const path = await backupOf([message(1)]);
      await change(join(path, file));
      await expect(contentOf(path)).rejects.toMatchObject(INVALID);
    }
  });

  it('is refused when its manifest names a path, a file twice, more bytes than a file may have, or a newer format', async () => {
    const bad: ((manifest: BackupManifest) => unknown)[] = [
      (manifest) => ({ ...manifest, segments: [{ ...manifest.segments[0], file: '../../etc/passwd' }] }),
      (manifest) => ({ ...manifest, segments: [manifest.segments[0], manifest.segments[0]] }),
      (manifest) => ({ ...manifest, segments: [{ ...manifest.segments[0], bytes: 1e12 }] }),
      (manifest) => ({ ...manifest, format: 2 }),
      (manifest) => ({ ...manifest, partitions: 1_000 }),
    ];
    for (const change of bad) {
      const path = await backupOf([message(1)], { change: (manifest) => change(manifest) as BackupManifest });
      await expect(contentOf(path)).rejects.toMatchObject(INVALID);
    }
  });

  it('that names a stream or a bucket that no backup has is refused before anything is written', async () => {
    for (const of of ['KV_accounts', 'SESSIONS_4_0', 'OBJ_session-blobs']) {
      const source = await readBackupFolder(await backupOf([message(1)], { of }));
      await expect(restore({} as never, { source })).rejects.toMatchObject(INVALID);
    }
  });

  it('with other files and no manifest is not written to', async () => {
    const path = await mkdtemp(join(root, 'other-'));
    for (const mine of ['letters.txt', 'film.part']) await writeFile(join(path, mine), 'mine');
    await expect(openBackupFolder(path)).rejects.toMatchObject({ code: 'backup_differs' });
    expect((await readdir(path)).sort()).toEqual(['film.part', 'letters.txt']);
  });
});

describe('a backup that comes as a stream', () => {
  const unpack = async (...parts: string[]): Promise<string[]> => {
    const path = await mkdtemp(join(root, 'unpacked-'));
    await unpackStream(chunks(...parts), path);
    return readdir(path);
  };
  const head = (file: string, bytes: number, sha256 = 'x') => `${JSON.stringify({ file, bytes, sha256 })}\n`;

  it('names no file but those of a backup: no path, no link, no other name', async () => {
    for (const file of ['../evil', '/etc/passwd', 'a/b.seg', '..', '', '00000001-..seg', 'manifest.json/../x'])
      await expect(unpack('PZBACKUP1\n', head(file, 1), 'x')).rejects.toMatchObject(INVALID);
    expect(await readdir(root)).not.toContain('evil');
  });

  it('is refused when it is cut off, has another checksum, claims too many bytes, or is something else', async () => {
    const file = '00000001-SESSIONS.seg';
    for (const parts of [
      ['not a backup\n'],
      ['PZBACKUP1\n'],
      ['PZBACKUP1\n', head(file, 10), 'short'],
      ['PZBACKUP1\n', head(file, 1), 'x'],
      ['PZBACKUP1\n', head(file, 1e12), 'x'],
      ['PZBACKUP1\n', head(file, -1), 'x'],
      ['PZBACKUP1\n', 'x'.repeat(10_000)],
      ['PZBACKUP1\n', '{"file":'],
    ])
      await expect(unpack(...parts)).rejects.toMatchObject(INVALID);
  });
});
