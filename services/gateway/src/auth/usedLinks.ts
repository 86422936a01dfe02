import { readFileSync } from 'node:fs';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * The sign-in links that were used and have not expired yet, kept in a file so that a restart revives none. Small: a
 * link lives a quarter of an hour.
 */
export class UsedLinks {
  private readonly used: Map<string, number>;
  private writing: Promise<void> = Promise.resolve();

  /** Without a file they are remembered until the process ends. */
  constructor(private readonly file: string | undefined) {
    this.used = new Map(file === undefined ? [] : readUsed(file));
  }

  /** True the first time a nonce is used. Resolves when it is on disk. */
  async use(nonce: string, expiresAt: number, now: number): Promise<boolean> {
    for (const [known, until] of this.used) if (until <= now) this.used.delete(known);
    if (this.used.has(nonce)) return false;
    this.used.set(nonce, expiresAt);
    const { file } = this;
    if (file !== undefined) {
      const text = JSON.stringify(Object.fromEntries(this.used));
      this.writing = this.writing.catch(() => undefined).then(() => replace(file, text));
      await this.writing;
    }
    return true;
  }
}

function readUsed(file: string): [string, number][] {
  try {
    const entries = Object.entries(JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>);
    return entries.filter((entry): entry is [string, number] => typeof entry[1] === 'number');
  } catch {
    return [];
  }
}

async function replace(file: string, text: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  await writeFile(`${file}.new`, text, { mode: 0o600, flush: true });
  await rename(`${file}.new`, file);
}
