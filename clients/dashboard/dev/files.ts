import type { FileEntry, FileFacts, FilePath } from '@pizzapi/protocol';

const NOW = Date.now();
const FOLDER = '/home/ada/code/pizzapi';

const README = `# Notes\n\nA **file** of the host.\n\n- one\n- two\n`;
const SOURCE = `import { readFile } from 'node:fs/promises';\n\n/** Reads the notes. */\nexport async function notes(path: string): Promise<string[]> {\n  const text = await readFile(path, 'utf8');\n  return text.split('\\n').filter((line) => line !== '');\n}\n`;
const PIXEL = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

interface ScriptedFile {
  content: Uint8Array<ArrayBuffer>;
  version: number;
  git?: FileEntry['git'];
}

const encoder = new TextEncoder();
const bytesOf = (base64: string) => Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
const base64 = (bytes: Uint8Array) => btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''));
const textOf = (path: unknown): string =>
  typeof path === 'string' ? path : new TextDecoder().decode(bytesOf((path as { base64: string }).base64));

/** The files of a scripted host, in memory. */
export class ScriptedFiles {
  readonly #files = new Map<string, ScriptedFile>();
  readonly #folders = new Set([FOLDER, `${FOLDER}/src`, `${FOLDER}/docs`]);
  readonly #uploads = new Map<string, { path: string; bytes: number[] }>();
  readonly #waiting = new Set<() => void>();
  #changes = 0;
  /** The requests that have come, by their method. */
  readonly asked: string[] = [];

  constructor(scene: string) {
    if (scene !== 'files') return;
    this.#put('README.md', encoder.encode(README));
    this.#put('src/notes.ts', encoder.encode(SOURCE), 'modified');
    this.#put('src/deeper.ts', encoder.encode('export {};\n'), 'untracked');
    this.#put('docs/logo.png', bytesOf(PIXEL));
    // The agent of the session at work reads it.
    this.#put('clients/session-client/src/resume.ts', encoder.encode('export function resumeAt() {}\n'.repeat(40)));
    this.#put(
      'data.bin',
      Uint8Array.from({ length: 2_000 }, (_, at) => at % 7),
      'ignored',
    );
    this.#put('.env', encoder.encode('A=1\n'), 'ignored');
  }

  /** The agent writes a file. */
  write(path: string, text: string): void {
    this.#put(path, encoder.encode(text), 'modified');
    this.#changed();
  }

  read(path: string): string | undefined {
    const file = this.#files.get(`${FOLDER}/${path}`);
    return file && new TextDecoder().decode(file.content);
  }

  async answer(pathname: string, search: URLSearchParams, init?: RequestInit): Promise<Response | undefined> {
    const method = /\/rpc\/(\w+)$/.exec(pathname)?.[1] ?? '';
    // Another scene has no files in memory.
    if (this.#files.size === 0) return method in this.#methods ? refusal('method_unknown', 404) : undefined;
    const json = (body: unknown, status = 200) => new Response(JSON.stringify(body), { status });
    if (/^\/api\/runners\/[^/]+\/files$/.test(pathname)) {
      const file = this.#files.get(search.get('path') ?? '');
      return file === undefined ? this.#missing(search.get('path') ?? '') : new Response(file.content);
    }
    const upload = /\/uploads\/([^/]+)$/.exec(pathname)?.[1];
    if (upload !== undefined && init?.method === 'PUT') {
      const blob = init.body instanceof Blob ? init.body : new Blob([init.body as Uint8Array<ArrayBuffer>]);
      this.#uploads.get(upload)?.bytes.push(...new Uint8Array(await blob.arrayBuffer()));
      return json({ received: this.#uploads.get(upload)?.bytes.length ?? 0 });
    }
    const handler = this.#methods[method];
    if (handler === undefined || typeof init?.body !== 'string') return undefined;
    this.asked.push(method);
    const reply = await handler(JSON.parse(init.body) as Record<string, unknown>, init.signal ?? undefined);
    return reply instanceof Response ? reply : json(reply);
  }

  readonly #methods: Readonly<
    Record<string, (body: Record<string, unknown>, signal?: AbortSignal) => object | Promise<object>>
  > = {
    list_files: ({ path = FOLDER, hidden = true }) => {
      const folder = textOf(path);
      const entries = this.#entries(folder).filter(({ name }) => hidden === true || !name.startsWith('.'));
      return { path: folder, entries, total: entries.length, roots: ['/home/ada'], trash: true };
    },
    find_paths: ({ paths }) => ({
      found: (paths as FilePath[]).map((path) => this.#facts(this.#absolute(textOf(path))) ?? null),
    }),
    read_file: ({ path }) => {
      const at = this.#absolute(textOf(path));
      const file = this.#files.get(at);
      const facts = this.#facts(at);
      if (file === undefined || facts === undefined) return this.#missing(at);
      const isText = !/\.(png|bin)$/.test(at);
      return {
        ...facts,
        ...(isText ? { encoding: 'utf-8' } : {}),
        ...(at.endsWith('.png') ? { mediaType: 'image/png' } : {}),
        ...{ writable: true, content: base64(file.content), offset: 0 },
      };
    },
    write_file: ({ path, content, ifVersion }) => {
      const at = textOf(path);
      const facts = this.#facts(at);
      if (ifVersion !== undefined && ifVersion !== facts?.version)
        return refusal('file_changed', 409, { asked: ifVersion, current: facts ?? null });
      this.#put(at.slice(FOLDER.length + 1), bytesOf(String(content)), 'modified');
      this.#changed();
      return this.#facts(at) ?? {};
    },
    create_file: ({ path }) => {
      const at = textOf(path);
      if (this.#files.has(at)) return refusal('file_exists', 409);
      this.#put(at.slice(FOLDER.length + 1), new Uint8Array(), 'untracked');
      return this.#facts(at) ?? {};
    },
    make_folder: ({ path }) => {
      this.#folders.add(textOf(path));
      return this.#facts(textOf(path)) ?? {};
    },
    move_file: ({ path, to }) => {
      const file = this.#files.get(textOf(path));
      this.#files.delete(textOf(path));
      if (file !== undefined) this.#files.set(textOf(to), file);
      return { path: textOf(to) };
    },
    delete_file: ({ path }) => {
      this.#files.delete(textOf(path));
      return { trashed: true };
    },
    search_files: ({ query, in: where }) => {
      const found = [...this.#files].flatMap(([path, { content }]): object[] => {
        const name = path.slice(FOLDER.length + 1);
        if (where === 'names') return name.includes(String(query)) ? [{ path: name, kind: 'file', ranges: [] }] : [];
        const lines = new TextDecoder().decode(content).split('\n');
        const line = lines.findIndex((one) => one.includes(String(query)));
        const from = lines[line]?.indexOf(String(query)) ?? 0;
        const ranges = [[from, from + String(query).length]];
        return line < 0 ? [] : [{ path: name, line: line + 1, text: base64(encoder.encode(lines[line])), ranges }];
      });
      return { searchId: 'search_aaaaaaaaaaaaaaaaaaaa', matches: found, by: 'ripgrep' };
    },
    watch_folders: async ({ watchId, after, folders }, signal) => {
      const all = (folders as unknown[]).map((_, index) => index);
      const isNew = watchId === undefined;
      if (!isNew && after === this.#changes)
        await new Promise<void>((resolve) => {
          this.#waiting.add(resolve);
          signal?.addEventListener('abort', () => resolve());
        });
      const changed = isNew || this.#changes !== after ? all : [];
      return { watchId: 'watch_aaaaaaaaaaaaaaaaaaaa', next: this.#changes, changed, missing: [] };
    },
    upload_begin: ({ path, overwrite }) => {
      const at = textOf(path);
      if (this.#files.has(at) && overwrite !== true) return refusal('file_exists', 409);
      const uploadId = `upload_${this.#uploads.size}`;
      this.#uploads.set(uploadId, { path: at, bytes: [] });
      return { uploadId, received: 0, path: at };
    },
    upload_finish: ({ uploadId }) => {
      const upload = this.#uploads.get(String(uploadId));
      if (upload === undefined) return refusal('upload_unknown', 404);
      this.#put(upload.path.slice(FOLDER.length + 1), Uint8Array.from(upload.bytes), 'untracked');
      this.#changed();
      return this.#facts(upload.path) ?? {};
    },
    upload_cancel: () => ({}),
    search_cancel: () => ({}),
  };

  #absolute(path: string): string {
    return path.startsWith('/') ? path : `${FOLDER}/${path}`;
  }

  #put(path: string, content: Uint8Array<ArrayBuffer>, git?: FileEntry['git']): void {
    const at = `${FOLDER}/${path}`;
    const version = (this.#files.get(at)?.version ?? 0) + 1;
    this.#files.set(at, { content, version, ...(git === undefined ? {} : { git }) });
  }

  #changed(): void {
    this.#changes++;
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }

  #facts(path: string): FileFacts | undefined {
    const file = this.#files.get(path);
    const about = { path, modified: NOW };
    if (file !== undefined) return { ...about, kind: 'file', size: file.content.length, version: `v${file.version}` };
    return this.#folders.has(path) ? { ...about, kind: 'folder', size: 0, version: 'v1' } : undefined;
  }

  #entries(folder: string): FileEntry[] {
    const below = (path: string) => path.startsWith(`${folder}/`) && !path.slice(folder.length + 1).includes('/');
    const name = (path: string) => path.slice(folder.length + 1);
    const folders = [...this.#folders].filter(below).sort();
    const files = [...this.#files].filter(([path]) => below(path)).sort(([a], [b]) => (a < b ? -1 : 1));
    return [
      ...folders.map((path): FileEntry => ({ name: name(path), kind: 'folder', size: 0, modified: NOW })),
      ...files.map(([path, { content, git }]): FileEntry => ({
        ...{ name: name(path), kind: 'file', size: content.length, modified: NOW },
        ...(git === undefined ? {} : { git }),
      })),
    ];
  }

  #missing(path: string): Response {
    return refusal('file_not_found', 404, undefined, `${path}. Check the path.`);
  }
}

function refusal(code: string, status: number, details?: unknown, message = `${code}.`): Response {
  return new Response(JSON.stringify({ error: { code, message, ...(details === undefined ? {} : { details }) } }), {
    status,
  });
}
