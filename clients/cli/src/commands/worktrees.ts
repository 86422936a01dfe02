import type { Command } from 'commander';
import { addOptions } from '@pizzapi/process';
import { CodedError, type SessionWorktree } from '@pizzapi/protocol';
import { confirm, requireConfirmation } from '../confirm.js';
import { examples, type CliContext } from '../context.js';
import { GATEWAY_OPTIONS, gatewayOf, type GatewayAccess } from '../home.js';
import { jsonLine, line, toSafeLine, type Io } from '../io.js';
import { chooseRunner } from '../runnerLookup.js';
import { tableRows, type Column } from '../table.js';
import { unwrapResult } from '../unwrapResult.js';

type Flags = Readonly<Record<string, unknown>>;

const COLUMNS: readonly Column[] = [
  { title: 'WORK TREE', widest: 60 },
  { title: 'BRANCH', widest: 48 },
  { title: 'INTO', widest: 24 },
  { title: 'COMMITS', widest: 8 },
  { title: 'FILES', widest: 8 },
  { title: 'STATE', widest: 12 },
  { title: 'SESSION', widest: 40 },
];

interface Place {
  gateway: GatewayAccess;
  rid: string;
}

/** Adds `worktrees`, which lists, merges, keeps and removes the work trees of sessions. */
export function addWorktrees(program: Command, { io }: CliContext): void {
  const command = program
    .command('worktrees')
    .description('List, merge, keep and remove the work trees that sessions have of their own')
    .addHelpText('after', examples('pizzapi run --worktree', 'pizzapi worktrees list'));

  const add = (name: string, description: string, ...lines: string[]) =>
    addOptions(command.command(name), GATEWAY_OPTIONS)
      .description(description)
      .option('--runner <runner>', 'Name of the runner, or the beginning of its id (default: the only online runner)')
      .addHelpText('after', examples(...lines));

  add('list', 'Print the work trees of sessions on a runner', 'pizzapi worktrees list')
    .option('--json', 'Print one line of JSON for each work tree')
    .action(async (flags: Flags) => {
      const worktrees = await list(await placeOf(flags, io));
      if (flags['json'] === true) for (const worktree of worktrees) line(io.stdout, jsonLine(worktree));
      else for (const row of tableRows(COLUMNS, worktrees.map(rowOf), io)) line(io.stdout, row);
    });

  add('keep <worktree>', 'Keep a work tree', 'pizzapi worktrees keep project-1a2b3c4d').action(
    async (named: string, flags: Flags) => {
      const place = await placeOf(flags, io);
      const { worktreeId, path } = await find(place, named);
      await unwrapResult(place.gateway, place.gateway.api.runnerCall(place.rid, 'keep_worktree', { worktreeId }));
      line(io.stdout, `Kept: ${toSafeLine(path)}`);
    },
  );

  add(
    'merge <worktree>',
    'Merge the branch of a work tree into the branch that it began at',
    'pizzapi worktrees merge project-1a2b3c4d --commit "Fix the login" --remove',
  )
    .option('--into <branch>', 'Merge into another branch')
    .option('--commit <message>', 'Commit what is not committed, with this message, before')
    .option('--remove', 'Remove the work tree and its branch after the merge')
    .action(async (named: string, flags: Flags) => {
      const place = await placeOf(flags, io);
      const { worktreeId, branch } = await find(place, named);
      const [into, commit] = [flags['into'] as string | undefined, flags['commit'] as string | undefined];
      const request = {
        worktreeId,
        ...(into === undefined ? {} : { into }),
        ...(commit === undefined ? {} : { commit }),
        ...(flags['remove'] === true ? { remove: true } : {}),
      };
      const merged = await unwrapResult(
        place.gateway,
        place.gateway.api.runnerCall(place.rid, 'merge_worktree', request),
      );
      const what = merged.how === 'nothing' ? 'Nothing to merge' : 'Merged';
      line(io.stdout, `${what}: ${toSafeLine(branch)} into ${toSafeLine(merged.into)} (${merged.oid.slice(0, 10)})`);
    });

  add(
    'remove <worktree>',
    'Remove a work tree and its branch; work that is not merged needs a confirmation',
    'pizzapi worktrees remove project-1a2b3c4d',
  )
    .option('-y, --yes', 'Discard work that is not merged, without asking')
    .action(async (named: string, flags: Flags) => {
      const place = await placeOf(flags, io);
      const worktree = await find(place, named);
      await remove(place, worktree, flags['yes'] === true, io);
      line(io.stdout, `Removed: ${toSafeLine(worktree.path)}`);
    });
}

async function placeOf(flags: Flags, io: Io): Promise<Place> {
  const gateway = gatewayOf(flags, io);
  const { runners } = await unwrapResult(gateway, gateway.api.runners());
  const { runnerId } = chooseRunner(runners, flags['runner'] as string | undefined);
  return { gateway, rid: runnerId };
}

async function list({ gateway, rid }: Place): Promise<SessionWorktree[]> {
  return (await unwrapResult(gateway, gateway.api.runnerCall(rid, 'list_worktrees', {}))).worktrees;
}

/** The work tree with this id, branch or session, or the only one whose id begins so. */
async function find(place: Place, named: string): Promise<SessionWorktree> {
  const all = await list(place);
  const exact = all.filter((one) => [one.worktreeId, one.branch, one.sessionId].includes(named));
  const [only, ...others] = exact.length > 0 ? exact : all.filter(({ worktreeId }) => worktreeId.startsWith(named));
  if (only === undefined) throw new CodedError('worktree_unknown', `No work tree is called "${toSafeLine(named, 80)}"`);
  if (others.length > 0)
    throw new CodedError('bad_option', `"${toSafeLine(named, 80)}" fits several work trees; name one by its id`);
  return only;
}

async function remove(
  { gateway, rid }: Place,
  { worktreeId, uncommitted, ahead, version }: SessionWorktree,
  isConfirmed: boolean,
  io: Io,
): Promise<void> {
  const first = await gateway.api.runnerCall(rid, 'remove_worktree', { worktreeId });
  if (first.kind === 'ok') return;
  if (first.error.code !== 'worktree_unsaved') return void (await unwrapResult(gateway, Promise.resolve(first)));
  const what = `${uncommitted} files that are not committed and ${ahead} commits that are not merged would be lost`;
  if (!isConfirmed) {
    requireConfirmation(io, what);
    await confirm(io, `${what}. Remove the work tree?`);
  }
  // Refused when there is other work by now than what was shown.
  await unwrapResult(gateway, gateway.api.runnerCall(rid, 'remove_worktree', { worktreeId, discard: version }));
}

function rowOf(worktree: SessionWorktree): string[] {
  const { worktreeId, branch, baseBranch, ahead, uncommitted, sessionId } = worktree;
  return [worktreeId, branch, baseBranch ?? '', String(ahead), String(uncommitted), stateOf(worktree), sessionId];
}

function stateOf({ missing, kept, ended }: SessionWorktree): string {
  if (missing === true) return 'missing';
  if (!ended) return 'in use';
  return kept ? 'kept' : 'ended';
}
