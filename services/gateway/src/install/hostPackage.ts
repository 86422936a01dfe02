import { createHash } from 'node:crypto';
import { open, type FileHandle } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { shellQuote } from '@pizzapi/protocol';

/** The package at one moment. Call `stream` or `close` once. */
export interface OpenedPackage {
  etag: string;
  size: number;
  stream(): Readable;
  close(): Promise<void>;
}

/** The package that hosts install. A build may replace the file: an answer has the content of one file. */
export class HostPackage {
  private known: { file: string; etag: string } | undefined;

  constructor(private readonly path: string) {}

  /** Returns undefined when there is no package. */
  async open(): Promise<OpenedPackage | undefined> {
    const file = await open(this.path, 'r').catch(() => undefined);
    if (file === undefined) return undefined;
    try {
      const { ino, mtimeMs, size } = await file.stat();
      const key = `${ino} ${mtimeMs} ${size}`;
      if (this.known?.file !== key) this.known = { file: key, etag: await etagOf(file) };
      return {
        ...{ etag: this.known.etag, size },
        stream: () => file.createReadStream({ start: 0 }),
        close: () => file.close(),
      };
    } catch (error) {
      await file.close();
      throw error;
    }
  }
}

/** The same for every gateway that serves the same package. */
async function etagOf(file: FileHandle): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of file.createReadStream({ start: 0, autoClose: false })) hash.update(chunk as Buffer);
  return `"${hash.digest('base64url')}"`;
}

/** Returns the script with the address of the relay, as a text of the shell in which nothing is expanded. */
export function scriptFor(relayUrl: string, script: string): string {
  return script.replace("'@RELAY@'", () => shellQuote(relayUrl));
}
