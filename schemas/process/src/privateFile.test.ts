import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readPrivateFile, readPrivateFileSync, writePrivateFile, writePrivateJson } from './privateFile.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pizzapi-private-'));
});
afterEach(() => rm(folder, { recursive: true }));

const modeOf = async (path: string) => (await stat(path)).mode & 0o777;

describe('a private file', () => {
  it('is readable by its owner only, in a folder that is too', async () => {
    const path = join(folder, 'new', 'secret.json');
    await writePrivateJson(path, { secret: 1 });
    expect(await readFile(path, 'utf8')).toBe('{\n  "secret": 1\n}\n');
    expect([await modeOf(path), await modeOf(join(folder, 'new'))]).toEqual([0o600, 0o700]);
  });

  it('replaces a file that others could read, and leaves no draft', async () => {
    const path = join(folder, 'secret.json');
    await writeFile(path, 'old');
    await chmod(path, 0o644);
    await writePrivateFile(path, '"new"');
    expect(await modeOf(path)).toBe(0o600);
    expect(await readdir(folder)).toEqual(['secret.json']);
    expect([await readPrivateFile(path), readPrivateFileSync(path)]).toEqual(['new', 'new']);
  });

  it('has the text of one of two concurrent writes', async () => {
    const path = join(folder, 'secret.json');
    await Promise.all(['"one"', '"other"'].map((text) => writePrivateFile(path, text)));
    expect(['one', 'other']).toContain(await readPrivateFile(path));
    expect(await readdir(folder)).toEqual(['secret.json']);
  });

  it('reads as undefined when it is missing or contains no JSON', async () => {
    const path = join(folder, 'damaged.json');
    await writeFile(path, '{');
    for (const file of [path, join(folder, 'missing.json'), join(path, 'below a file')]) {
      expect([await readPrivateFile(file), readPrivateFileSync(file)]).toEqual([undefined, undefined]);
    }
  });

  it('throws when it cannot be read for another reason', async () => {
    await expect(readPrivateFile(folder)).rejects.toThrow('EISDIR');
    expect(() => readPrivateFileSync(folder)).toThrow('EISDIR');
  });
});
