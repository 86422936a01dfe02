import { type ErrorInfo, type FilePath } from '@pizzapi/protocol';
import { uploadFile } from '@pizzapi/session-client';
import { childPath } from '../model/filePath.js';
import { api } from '../state/client.js';

export interface ShownUpload {
  id: number;
  name: string;
  size: number;
  received: number;
  error?: ErrorInfo | undefined;
  file: File;
  folder: FilePath;
  stop: AbortController;
}

/** Files that are on their way to a host, one after the other. */
export class FileUploads {
  list = $state.raw<readonly ShownUpload[]>([]);
  #next = 1;
  #last: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly runnerId: string,
    private readonly of: { sessionId?: string },
    private readonly onDone: (folder: FilePath) => void,
  ) {}

  add(files: Iterable<File>, folder: FilePath): void {
    for (const file of files) this.#start({ file, folder, overwrite: false });
  }

  /** Sends it again, over the file that is there. */
  replace(upload: ShownUpload): void {
    this.dismiss(upload.id);
    this.#start({ file: upload.file, folder: upload.folder, overwrite: true });
  }

  /** Stops an upload that runs, and shows it no longer. */
  dismiss(id: number): void {
    this.list.find((one) => one.id === id)?.stop.abort();
    this.list = this.list.filter((one) => one.id !== id);
  }

  #start({ file, folder, overwrite }: { file: File; folder: FilePath; overwrite: boolean }): void {
    const id = this.#next++;
    const stop = new AbortController();
    this.list = [...this.list, { id, name: file.name, size: file.size, received: 0, file, folder, stop }];
    const send = async (): Promise<void> => {
      if (stop.signal.aborted) return;
      const path = childPath(folder, { name: file.name });
      const target = { ...this.of, path, ...(overwrite ? { overwrite } : {}) };
      const onProgress = (received: number): void => this.#change(id, { received });
      const sent = await uploadFile(api, this.runnerId, target, file, { onProgress, signal: stop.signal });
      if (sent.kind === 'failed') return this.#change(id, { error: sent.error });
      this.dismiss(id);
      this.onDone(folder);
    };
    this.#last = this.#last.then(send, send);
  }

  #change(id: number, change: Partial<ShownUpload>): void {
    this.list = this.list.map((one) => (one.id === id ? { ...one, ...change } : one));
  }
}
