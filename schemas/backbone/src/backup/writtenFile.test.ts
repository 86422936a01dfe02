import { expect, it } from 'vitest';
import { writeParts } from './writtenFile.js';

/** A file on a disk that takes at most so many bytes of each write, and so many in all. */
function fileOn({ eachWrite, room }: { eachWrite: number; room: number }) {
  const bytes: number[] = [];
  const writev = (parts: NodeJS.ArrayBufferView[]): Promise<{ bytesWritten: number; buffers: never[] }> => {
    const wanted = Buffer.concat(parts as Buffer[]);
    const taken = Math.min(eachWrite, room - bytes.length, wanted.length);
    if (taken === 0) return Promise.reject(Object.assign(new Error('no space'), { code: 'ENOSPC' }));
    bytes.push(...wanted.subarray(0, taken));
    return Promise.resolve({ bytesWritten: taken, buffers: [] });
  };
  return { writev, text: () => Buffer.from(bytes).toString() };
}
const parts = ['one ', '', 'two ', 'three'].map((text) => Buffer.from(text));

it('a file that takes a part of each write has all parts at the end', async () => {
  for (const eachWrite of [1, 3, 4, 5, 100]) {
    const file = fileOn({ eachWrite, room: 1_000 });
    await writeParts({ writev: file.writev as never }, parts);
    expect(file.text()).toBe('one two three');
  }
});

it('a write that a full disk cuts off is an error, so that nothing takes the file for a whole one', async () => {
  const file = fileOn({ eachWrite: 100, room: 6 });
  await expect(writeParts({ writev: file.writev as never }, parts)).rejects.toMatchObject({ code: 'disk_full' });
});
