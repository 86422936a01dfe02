import { statSync, writeFileSync } from 'node:fs';
import { dirname, join, parse } from 'node:path';
import type { ParsedFile } from '../sessionFile.js';

/**
 * Writes the entries that could be read of a damaged session file into a new file next to it, and returns its path. The
 * damaged file stays as it is.
 */
export function writeSalvagedCopy(path: string, { header, entries }: ParsedFile): string {
  const stem = parse(path).name.replace(/\.salvaged(-\d+)?$/, '');
  const text = [header, ...entries.map(({ entry }) => entry)].map((each) => `${JSON.stringify(each)}\n`).join('');
  const { mode } = statSync(path);
  for (let n = 1; ; n++) {
    const copy = join(dirname(path), `${stem}.salvaged${n === 1 ? '' : `-${n}`}.jsonl`);
    try {
      writeFileSync(copy, text, { flag: 'wx', mode: mode & 0o777 });
      return copy;
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
    }
  }
}
