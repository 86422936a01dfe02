import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { FileMatches, MethodReply, MethodRequest, RunnerMethod } from '@pizzapi/protocol';
import { createApi } from '@pizzapi/session-client';
import type { Bench, BenchContext } from '../harness/bench.js';
import { nowMs } from '../harness/clock.js';
import { runnerOf, startBenchStack } from '../harness/localStack.js';
import { median } from '../harness/stats.js';

const ENTRIES = 10_000;
/** Lines of a file: about as many as a source file has. */
const LINES = 100;
const NEEDLE = 'needle-in-this-file';

/** Returns ripgrep, if this machine has it. The runner finds the same one. */
function ripgrep(): string | undefined {
  try {
    execFileSync('rg', ['--version'], { stdio: 'ignore' });
    return 'rg';
  } catch {
    return undefined;
  }
}

const timed = async (work: () => unknown): Promise<number> => {
  const from = nowMs();
  await work();
  return nowMs() - from;
};

async function run(context: BenchContext): Promise<void> {
  const { report, quick } = context;
  const stack = await startBenchStack(context);
  const api = createApi({ url: stack.url, token: stack.token });
  const folder = join(stack.project, 'many');
  mkdirSync(folder);
  for (let at = 0; at < ENTRIES; at++)
    writeFileSync(
      join(folder, `file-${at}.ts`),
      `${`export const line${at} = ${at};\n`.repeat(LINES)}${at % 1_000 === 0 ? NEEDLE : ''}\n`,
    );
  const rid = await runnerOf(stack);
  async function ask<M extends RunnerMethod>(method: M, request: MethodRequest<M>): Promise<MethodReply<M>> {
    const reply = await api.runnerCall(rid, method, request);
    if (reply.kind === 'failed') throw new Error(`${reply.error.code}: ${reply.error.message}`);
    return reply.value;
  }
  const list = async (): Promise<void> => {
    let after: string | undefined;
    do {
      const page: MethodReply<'list_files'> = await ask('list_files', {
        path: folder,
        ...(after === undefined ? {} : { after }),
      });
      after = page.next;
    } while (after !== undefined);
  };
  const local = async (): Promise<void> => {
    const names = await readdir(folder);
    await Promise.all(names.map((name) => lstat(join(folder, name))));
  };
  let firstMs = Number.NaN;
  const search = async (): Promise<void> => {
    const from = nowMs();
    let page: FileMatches = await ask('search_files', { path: folder, query: NEEDLE, in: 'contents' });
    firstMs = nowMs() - from;
    while (page.next !== undefined) page = await ask('search_more', { searchId: page.searchId, after: page.next });
  };
  const program = ripgrep();
  const listing: number[] = [];
  const searching: number[] = [];
  const firsts: number[] = [];
  await list();
  await local();
  for (let round = 0; round < (quick ? 3 : 9); round++) {
    const [remoteMs, localMs] = [await timed(list), await timed(local)];
    listing.push(remoteMs / localMs);
    const searchMs = await timed(search);
    firsts.push(firstMs);
    const ripgrepMs =
      program === undefined
        ? Number.NaN
        : await timed(() => execFileSync(program, ['--json', '--hidden', '-F', '-e', NEEDLE, '.'], { cwd: folder }));
    if (program !== undefined) searching.push(searchMs / ripgrepMs);
    report.run('files', `${ENTRIES} entries`, {
      ...{ 'list ms': remoteMs, 'readdir and lstat ms': localMs },
      ...{ 'search ms': searchMs, 'first match ms': firstMs, 'ripgrep ms': ripgrepMs },
    });
  }
  report.reach({
    bench: 'files',
    figure: `list_files of ${ENTRIES} entries through a gateway ÷ readdir and lstat here`,
    unit: '×',
    target: { most: 2 },
    reached: median(listing),
  });
  report.reach({
    bench: 'files',
    figure: 'the first match of a search by content',
    unit: 'ms',
    target: { most: 150 },
    reached: median(firsts),
  });
  if (program === undefined) return report.notRun('files', 'this machine has no ripgrep to compare a search with');
  report.reach({
    bench: 'files',
    figure: 'a search by content through a gateway ÷ ripgrep here',
    unit: '×',
    target: { most: 1.3 },
    reached: median(searching),
  });
}

export const files: Bench = {
  name: 'files',
  title: 'Files of a host: a folder of 10,000 entries, a search by content',
  run,
};
