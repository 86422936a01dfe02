import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '@pizzapi/process';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { safeName, withAttachments } from './attachments.js';
import { BlobSpool } from './blobSpool.js';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pizzapi-content-'));
});

afterEach(() => rm(folder, { recursive: true }));

/** A PNG of one pixel. */
const PIXEL = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);
const bytesOf = (text: string) => new TextEncoder().encode(text);
const hashOf = (text: string) => createHash('sha256').update(text).digest('hex');

describe('attachments', () => {
  const stored = new Map([
    [hashOf('png'), PIXEL],
    [hashOf('text'), bytesOf('text')],
    [hashOf('notes'), bytesOf('notes')],
  ]);
  const read = async (hash: string) => stored.get(hash);
  const image = { blob: hashOf('png'), size: 3, mediaType: 'image/png' };

  it('that are small images go to the model as they are', async () => {
    const content = await withAttachments('look', [image], folder, read);
    const data = Buffer.from(PIXEL).toString('base64');
    expect(content).toEqual({ text: 'look', notes: '', images: [{ data, mimeType: 'image/png' }] });
  });

  it('that are no images, although their media type says so, are refused', async () => {
    const disguised = { blob: hashOf('text'), size: 4, mediaType: 'image/png' };
    await expect(withAttachments('', [disguised], folder, read)).rejects.toMatchObject({ code: 'picture_unreadable' });
  });

  it('that are anything else become files that the text names', async () => {
    const notes = { blob: hashOf('notes'), size: 5, mediaType: 'text/plain', name: '../../.ssh/my notes.txt' };
    const { text, images } = await withAttachments('', [notes], folder, read);
    const path = /^\[Attached file: (.*)\]$/.exec(text)![1]!;
    expect(images).toEqual([]);
    expect(path.startsWith(`${folder}/`)).toBe(true);
    expect(await readFile(path, 'utf8')).toBe('notes');
  });

  it('that were never stored are an error of their own', async () => {
    const missing = { ...image, blob: hashOf('never') };
    await expect(withAttachments('', [missing], folder, read)).rejects.toMatchObject({ code: 'blob_not_found' });
  });

  it('have names that are only names', () => {
    expect(safeName('../../etc/passwd')).toBe('passwd');
    expect(safeName('C:\\temp\\Bericht über Äpfel.pdf')).toBe('Bericht über Äpfel.pdf');
    expect(safeName('-rf; $(x)\n')).not.toMatch(/[;$()\n]|^-/);
    expect(safeName('..')).toBe('attachment');
  });
});

describe('the outbox of blobs', () => {
  it('keeps a blob on the disk until the store has it', async () => {
    let up = false;
    let refused: () => void = () => undefined;
    const tried = new Promise<void>((resolve) => (refused = resolve));
    const stored: string[] = [];
    const store = async (bytes: Uint8Array, mediaType: string) => {
      if (!up) {
        refused();
        throw new Error('out of reach');
      }
      stored.push(`${mediaType} ${new TextDecoder().decode(bytes)}`);
    };
    const outbox = new BlobSpool(folder, store, silentLogger);
    const { ref, stored: done } = await outbox.keep(bytesOf('long'), 'text/plain; charset=utf-8');
    expect(ref).toEqual({ blob: hashOf('long'), size: 4, mediaType: 'text/plain; charset=utf-8' });
    expect(await readdir(folder)).toHaveLength(1);
    await tried;
    outbox.stop();
    await done;
    up = true;
    // The next process finds what this one could not store.
    const next = new BlobSpool(folder, store, silentLogger);
    await next.start();
    await next.settled(5_000);
    expect(stored).toEqual(['text/plain; charset=utf-8 long']);
    expect(await readdir(folder)).toEqual([]);
  });
});
