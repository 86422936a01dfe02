import { createWriteStream } from 'node:fs';
import { open, rename, rm, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Command } from 'commander';
import { addOptions } from '@pizzapi/process';
import {
  CodedError,
  errorInfo,
  newId,
  formatBytes,
  type FileEntry,
  type FileMatches,
  type MethodReply,
} from '@pizzapi/protocol';
import { uploadFile } from '@pizzapi/session-client';
import { examples, type CliContext } from '../context.js';
import { GATEWAY_OPTIONS, gatewayOf, type GatewayAccess } from '../home.js';
import { Failure, interruptible, jsonLine, line, paint, toSafeLine, type Io } from '../io.js';
import { findRunner } from '../runnerLookup.js';
import { tableRows, type Column } from '../table.js';
import { unwrapResult } from '../unwrapResult.js';

type Flags = Record<string, unknown>;

const WHERE = `
<runner> is a name, an id or the beginning of one. Paths lie within the roots of the runner; a relative one begins at its
first root.`;

/** Adds `files`: the files of a host, without ssh. */
export function addFiles(program: Command, { io }: CliContext): void {
  const files = program
    .command('files')
    .description('List, read, write and search files of a host')
    .addHelpText('after', examples('pizzapi files ls laptop', 'pizzapi files search laptop TODO project'));
  const at = async (named: string, flags: Flags): Promise<Host> => {
    const gateway = gatewayOf(flags, io);
    const { runners } = await unwrapResult(gateway, gateway.api.runners());
    return { io, gateway, rid: findRunner(runners, named).runnerId };
  };

  addOptions(files.command('ls <runner> [path]'), GATEWAY_OPTIONS)
    .description('List a folder, with size, time of change and what git says')
    .option('-a, --all', 'Also names that begin with a dot, and what git ignores')
    .option('--sort <order>', 'name, size, modified or kind (default: name)')
    .option('--json', 'Print one line of JSON for each entry')
    .addHelpText(
      'after',
      `${examples('pizzapi files ls laptop', 'pizzapi files ls laptop project --sort size')}\n${WHERE}`,
    )
    .action(async (runner: string, path: string | undefined, flags: ListFlags) =>
      list(await at(runner, flags), path, flags),
    );

  addOptions(files.command('cat <runner> <path>'), GATEWAY_OPTIONS)
    .description('Print a file, byte for byte')
    .addHelpText('after', `${examples('pizzapi files cat laptop project/README.md')}\n${WHERE}`)
    .action(async (runner: string, path: string, flags: Flags) => {
      const host = await at(runner, flags);
      await interruptible(io, (signal) =>
        download(host, path, signal, (body) => pipeline(body, io.stdout, { end: false })),
      );
    });

  addOptions(files.command('get <runner> <path> [target]'), GATEWAY_OPTIONS)
    .description('Download a file')
    .option('-f, --force', 'Replace the file when there is one')
    .addHelpText(
      'after',
      `${examples('pizzapi files get laptop project/build.zip', 'pizzapi files get laptop notes.md ~/notes.md')}\n${WHERE}`,
    )
    .action(async (runner: string, path: string, target: string | undefined, flags: Flags) => {
      const host = await at(runner, flags);
      await interruptible(io, (signal) => save(host, path, { target, force: flags['force'] === true, signal }));
    });

  addOptions(files.command('put <runner> <file> [path]'), GATEWAY_OPTIONS)
    .description('Upload a file; it continues when a gateway or the host was away')
    .option('-f, --force', 'Replace the file when there is one')
    .addHelpText('after', `${examples('pizzapi files put laptop model.bin project/model.bin')}\n${WHERE}`)
    .action(async (runner: string, file: string, path: string | undefined, flags: Flags) => {
      const host = await at(runner, flags);
      await interruptible(io, (signal) =>
        put(host, file, { path: path ?? basename(file), force: flags['force'] === true, signal }),
      );
    });

  addOptions(files.command('search <runner> <query> [path]'), GATEWAY_OPTIONS)
    .description('Look for a text in files below a folder, or for files by name')
    .option('--names', 'Look for names instead: letters of the path in their order')
    .option('-e, --regex', 'The query is a regular expression')
    .option('-w, --word', 'Whole words only')
    .option('-g, --glob <glob...>', 'Only files that match; one that begins with ! leaves files out')
    .option('--ignored', 'Also what git ignores')
    .option('--json', 'Print one line of JSON for each match')
    .addHelpText(
      'after',
      `${examples('pizzapi files search laptop TODO project', "pizzapi files search laptop --names tree -g '*.ts'")}\n${WHERE}`,
    )
    .action(async (runner: string, query: string, path: string | undefined, flags: SearchFlags) => {
      const host = await at(runner, flags);
      await interruptible(io, (signal) => search(host, query, path, { flags, signal }));
    });
}

interface Host {
  io: Io;
  gateway: GatewayAccess;
  rid: string;
}

interface ListFlags extends Flags {
  all?: true;
  sort?: string;
  json?: true;
}

const ORDERS = ['name', 'size', 'modified', 'kind'] as const;
const COLUMNS: readonly Column[] = [
  { title: 'SIZE', widest: 12 },
  { title: 'CHANGED', widest: 16 },
  { title: 'GIT', widest: 10 },
  { title: 'NAME', widest: 200 },
];

async function list(
  { io, gateway, rid }: Host,
  path: string | undefined,
  { all, sort, json }: ListFlags,
): Promise<void> {
  const order = ORDERS.find((one) => one === (sort ?? 'name'));
  if (order === undefined) throw new CodedError('bad_option', `--sort is one of ${ORDERS.join(', ')}`);
  const entries: FileEntry[] = [];
  let after: string | undefined;
  do {
    const request = {
      ...(path === undefined ? {} : { path }),
      ...{ hidden: all === true, ignored: all === true, order },
      ...(after === undefined ? {} : { after }),
    };
    const page: MethodReply<'list_files'> = await unwrapResult(
      gateway,
      gateway.api.runnerCall(rid, 'list_files', request),
    );
    entries.push(...page.entries);
    after = page.next;
  } while (after !== undefined);
  if (json === true) return entries.forEach((entry) => line(io.stdout, jsonLine(entry)));
  const rows = entries.map(({ name, kind, size, modified, git }) => [
    kind === 'file' ? formatBytes(size) : '',
    new Date(modified).toISOString().slice(0, 16).replace('T', ' '),
    git ?? '',
    kind === 'folder' ? `${name}/` : name,
  ]);
  for (const row of tableRows(COLUMNS, rows, io)) line(io.stdout, row);
}

async function download(
  { gateway, rid }: Host,
  path: string,
  signal: AbortSignal,
  write: (body: Readable) => Promise<void>,
): Promise<void> {
  const read = async ({ body }: Response): Promise<void> => {
    if (body !== null) await write(Readable.from(chunksOf(body)));
  };
  await unwrapResult(gateway, gateway.api.download(rid, { path }, read, { signal }));
}

async function* chunksOf(body: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  const reader = body.getReader();
  for (let next = await reader.read(); !next.done; next = await reader.read()) yield next.value;
}

async function save(
  host: Host,
  path: string,
  { target, force, signal }: { target: string | undefined; force: boolean; signal: AbortSignal },
): Promise<void> {
  const name = basename(path);
  const isFolder = target !== undefined && (await stat(target).catch(() => undefined))?.isDirectory() === true;
  const file = target === undefined ? name : isFolder ? join(target, name) : target;
  if (!force && (await stat(file).catch(() => undefined)) !== undefined)
    throw new Failure(errorInfo('file_exists', `${toSafeLine(file)} exists; --force replaces it`));
  const part = `${file}.${newId()}.part`;
  try {
    await download(host, path, signal, (body) => pipeline(body, createWriteStream(part, { flags: 'wx' })));
    await rename(part, file);
  } catch (error) {
    await rm(part, { force: true });
    throw error;
  }
  line(host.io.stderr, `Saved ${toSafeLine(file)}, ${formatBytes((await stat(file)).size)}.`);
}

async function put(
  { io, gateway, rid }: Host,
  file: string,
  { path, force, signal }: { path: string; force: boolean; signal: AbortSignal },
): Promise<void> {
  const handle = await open(file, 'r').catch(() => {
    throw new Failure(errorInfo('file_not_found', `${toSafeLine(file)} cannot be read`));
  });
  try {
    const { size } = await handle.stat();
    const slice = async (from: number, to: number): Promise<Uint8Array<ArrayBuffer>> => {
      const bytes = new Uint8Array(to - from);
      await handle.read(bytes, 0, bytes.length, from);
      return bytes;
    };
    const shows = io.terminal.columns !== undefined;
    const onProgress = (received: number): void => {
      if (shows) io.stderr.write(`\r${formatBytes(received)} of ${formatBytes(size)}  `);
    };
    const target = { path, ...(force ? { overwrite: true } : {}) };
    const sent = await unwrapResult(
      gateway,
      uploadFile(gateway.api, rid, target, { size, slice }, { onProgress, signal }),
    );
    line(io.stderr, `${shows ? '\r' : ''}Uploaded ${toSafeLine(sent.path)}, ${formatBytes(sent.size)}.`);
  } finally {
    await handle.close();
  }
}

interface SearchFlags extends Flags {
  names?: true;
  regex?: true;
  word?: true;
  glob?: string[];
  ignored?: true;
  json?: true;
}

async function search(
  { io, gateway, rid }: Host,
  query: string,
  path: string | undefined,
  { flags, signal }: { flags: SearchFlags; signal: AbortSignal },
): Promise<void> {
  const { names, regex, word, glob, ignored, json } = flags;
  const request = {
    ...(path === undefined ? {} : { path }),
    ...{ query, in: names === true ? ('names' as const) : ('contents' as const) },
    ...{ regex: regex === true, word: word === true, ignored: ignored === true },
    ...(glob === undefined ? {} : { globs: glob }),
  };
  let page: FileMatches = await unwrapResult(gateway, gateway.api.runnerCall(rid, 'search_files', request, { signal }));
  for (;;) {
    for (const match of page.matches) line(io.stdout, json === true ? jsonLine(match) : matchText(io, match));
    if (page.limited === true) line(io.stderr, 'There are more matches. Search in a folder below, or for more words.');
    if (page.next === undefined) return;
    const next = { searchId: page.searchId, after: page.next };
    page = await unwrapResult(gateway, gateway.api.runnerCall(rid, 'search_more', next, { signal }));
  }
}

function matchText(io: Io, { path, line: number, text }: FileMatches['matches'][number]): string {
  const name = paint(io, 'cyan', toSafeLine(path));
  if (number === undefined) return name;
  return `${name}:${number}: ${toSafeLine(Buffer.from(text ?? '', 'base64').toString())}`;
}
