import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '@pizzapi/process';
import { CodedError, type BlobRef } from '@pizzapi/protocol';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { BlobSpool, type StoreBlob } from './blobSpool.js';

let folder: string;
const bytes = Buffer.from('pizza');

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pizzapi-blobs-'));
});
afterEach(() => rm(folder, { recursive: true }));

function outbox(store: StoreBlob) {
  const refused: BlobRef[] = [];
  const blobs = new BlobSpool(folder, store, silentLogger);
  blobs.onRefused((blob) => refused.push(blob));
  return { blobs, refused };
}

it('a blob is sent until the store has it, and then gone from the disk', async () => {
  let tries = 0;
  const { blobs, refused } = outbox(async () => {
    if ((tries += 1) < 3) throw new CodedError('unavailable');
  });
  await (
    await blobs.keep(bytes, 'text/plain')
  ).stored;
  // `stored` is patient for two seconds only.
  await blobs.settled(10_000);
  expect({ tries, refused, left: await readdir(folder) }).toEqual({ tries: 3, refused: [], left: [] });
});

it.each(['bad_request', 'body_too_large', 'storage_full'] as const)(
  'one that is refused for good, as %s, is given up at once, and told of',
  async (code) => {
    let tries = 0;
    const { blobs, refused } = outbox(async () => {
      tries += 1;
      throw new CodedError(code, 'A blob may have 1 byte');
    });
    const { ref, stored } = await blobs.keep(bytes, 'text/plain');
    await stored;
    await blobs.settled(10_000);
    expect({ tries, refused, left: await readdir(folder) }).toEqual({ tries: 1, refused: [ref], left: [] });
  },
);

it('what an earlier process left is sent, or refused, all the same', async () => {
  const first = outbox(() => new Promise(() => undefined));
  const { ref } = await first.blobs.keep(bytes, 'text/plain');
  const second = outbox(() => Promise.reject(new CodedError('bad_request')));
  await second.blobs.start();
  await second.blobs.settled(10_000);
  expect({ refused: second.refused, left: await readdir(folder) }).toEqual({ refused: [ref], left: [] });
});
