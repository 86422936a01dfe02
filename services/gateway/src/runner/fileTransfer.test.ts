import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { errorInfo, RUNNER_PAGE_BYTES, type MethodReply } from '@pizzapi/protocol';
import { describe, expect, it } from 'vitest';
import { attachmentHeader, fileStream, readRange, type ReadPage } from './fileDownload.js';
import { passUpload, type WritePart } from './fileUpload.js';

describe('the range of a download', () => {
  it.each([
    [undefined, 'whole'],
    ['bytes=0-', { from: 0, to: 10 }],
    ['bytes=2-3', { from: 2, to: 4 }],
    ['bytes=8-99', { from: 8, to: 10 }],
    ['bytes=-3', { from: 7, to: 10 }],
    ['bytes=-99', { from: 0, to: 10 }],
    ['bytes=10-', 'unsatisfiable'],
    ['bytes=-0', 'unsatisfiable'],
    ['bytes=0-1,4-5', 'whole'],
    ['bytes=5-2', 'whole'],
    ['lines=1-2', 'whole'],
    ['bytes=-', 'whole'],
  ])('%s of 10 bytes is %j', (header, range) => {
    expect(readRange(header, 10)).toEqual(range);
  });
});

describe('the name of a download', () => {
  it('breaks no header, whatever it is', () => {
    expect(attachmentHeader('a.txt')).toBe(`attachment; filename="a.txt"; filename*=UTF-8''a.txt`);
    const odd = attachmentHeader('a"\r\nSet-Cookie: x=1\\ä\ud800%.txt');
    expect(odd).toMatch(/^[\x20-\x7e]+$/);
    expect(odd).toContain(`filename="a___Set-Cookie: x=1____.txt"`);
    expect(attachmentHeader('')).toContain('filename="file"');
  });
});

const page = (content: Buffer): MethodReply<'read_file'> => ({
  ...{ path: '/f', version: 'v1', size: 0, modified: 0, writable: true, offset: 0 },
  content: content.toString('base64'),
});

describe('a download', () => {
  const file = Buffer.alloc(5 * RUNNER_PAGE_BYTES + 7, 'abc');
  const first = page(Buffer.alloc(0));

  it('has all bytes of its range in order, of one version, and asks only a few pages ahead', async () => {
    const asked: number[] = [];
    const read: ReadPage = async ({ offset, length, ifVersion }) => {
      expect(ifVersion).toBe('v1');
      asked.push(offset);
      return { kind: 'ok', reply: page(file.subarray(offset, offset + length)) };
    };
    const stream = fileStream(read, { path: '/f' }, { from: 3, to: file.length }, first);
    const iterator = stream[Symbol.asyncIterator]();
    await iterator.next();
    expect(asked.length).toBeLessThan(6);
    const rest = await buffer(stream);
    expect(rest.length).toBeGreaterThan(0);
    const whole = await buffer(fileStream(read, { path: '/f' }, { from: 3, to: file.length }, first));
    expect(whole.equals(file.subarray(3))).toBe(true);
  });

  it('fails when the file changes, so that no part is taken for the whole', async () => {
    const read: ReadPage = async ({ offset, length }) =>
      offset === 0
        ? { kind: 'ok', reply: page(file.subarray(0, length)) }
        : { kind: 'refused', error: errorInfo('file_changed') };
    await expect(buffer(fileStream(read, { path: '/f' }, { from: 0, to: file.length }, first))).rejects.toThrow();
    const shorter: ReadPage = async () => ({ kind: 'ok', reply: page(Buffer.alloc(0)) });
    await expect(buffer(fileStream(shorter, { path: '/f' }, { from: 0, to: 5 }, first))).rejects.toThrow();
  });
});

describe('an upload', () => {
  const bytes = Buffer.alloc(3 * RUNNER_PAGE_BYTES + 100, 'xyz');
  const chunks = () =>
    Readable.from(
      Array.from({ length: 40 }, (_, at) => bytes.subarray((at * bytes.length) / 40, ((at + 1) * bytes.length) / 40)),
      { objectMode: false },
    );

  it('passes all bytes on in order, in parts of one page, and waits while the host is slow', async () => {
    let flying = 0;
    let most = 0;
    const host: Buffer[] = [];
    let received = 500;
    const write: WritePart = async (offset, content) => {
      most = Math.max(most, ++flying);
      await new Promise((resolve) => setImmediate(resolve));
      flying--;
      const part = Buffer.from(content, 'base64');
      expect(offset).toBe(received);
      host.push(part);
      received += part.length;
      return { kind: 'ok', reply: { received } };
    };
    const outcome = await passUpload(chunks(), 500, write);
    expect(outcome).toEqual({ kind: 'received', received: 500 + bytes.length });
    expect(Buffer.concat(host).equals(bytes)).toBe(true);
    expect(Math.max(...host.map((part) => part.length))).toBe(RUNNER_PAGE_BYTES);
    expect(most).toBeLessThanOrEqual(4);
  });

  it('says how much has arrived when a part was lost, and why when the host refuses', async () => {
    const lost: WritePart = async () => ({ kind: 'ok', reply: { received: 7 } });
    expect(await passUpload(chunks(), 7, lost)).toEqual({ kind: 'received', received: 7 });
    const error = errorInfo('host_disk_full');
    expect(await passUpload(chunks(), 0, async () => ({ kind: 'refused', error }))).toEqual({ kind: 'refused', error });
  });
});
