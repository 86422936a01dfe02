import { stat } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, resolve } from 'node:path';
import { CodedError, errorInfo, type ErrorInfo } from '@pizzapi/protocol';
import { bundledPi } from './bundled.js';
import { isExecutable, realPath } from './files.js';
import { processHost, type PiHost } from './host.js';
import { findNode } from './node.js';
import { readPiFolder } from './piPackage.js';
import { isTestedVersion, isTooOld, TESTED_VERSIONS } from './piVersions.js';
import { INSTALL_PI, resolveProgram, type ProgramOutcome } from './program.js';
import { programsOnPath } from './searchPath.js';
import type { PiInstallation } from './types.js';
import type { PiSearchContext } from './versionManagers.js';

/** The value of `--pi` that chooses the bundled pi. */
export const BUNDLED = 'bundled';

export interface FindPiOptions {
  /** The value of `--pi`: a program, the folder of its package or its package.json, or `bundled`. */
  pi?: string | undefined;
  /** Whether the pis that are not used are listed too, for a person who wants to know. It takes longer. */
  survey?: boolean;
}

/** The result of the search. `warnings` have the codes of errors, and their messages end with what to do. */
export type PiSearch =
  | {
      kind: 'found';
      installation: PiInstallation;
      warnings: ErrorInfo[];
      /** The pis on this machine that were found and are not used. Without `survey` only those with a warning. */
      unused: UnusedPi[];
    }
  | { kind: 'failed'; error: ErrorInfo };

/** A pi that was found and is not used. */
export interface UnusedPi {
  path: string;
  /** Undefined when it is not known, such as the one of a single program. */
  version: string | undefined;
  /** Why sessions do not run on it. The code is missing when nothing is wrong with it. */
  why: { code?: ErrorInfo['code']; message: string };
  /** The folder of its package, when it can be used. */
  root?: string;
}

/** What became of one pi. */
type Candidate = { kind: 'usable'; installation: PiInstallation; warnings: ErrorInfo[] } | Rejected;
type Rejected = { kind: 'rejected'; error: ErrorInfo; version: string | undefined };

/**
 * Finds the pi that sessions run on. `options.pi`, or PIZZAPI_PI in `env`, decides when it is given: an error names what
 * is wrong with it. Otherwise the first pi on PATH is used, and the bundled one when there is none. A pi on PATH that
 * cannot be used is skipped with a warning. Runs no pi. Never throws for what it finds on the machine.
 */
export async function findPi(
  options: FindPiOptions = {},
  env: NodeJS.ProcessEnv = process.env,
  host: PiHost = processHost(),
): Promise<PiSearch> {
  const context = { env, host };
  const named = options.pi || env['PIZZAPI_PI'];
  if (named === undefined || named === '') return findOnPath(context, options.survey === true);
  const candidate: Candidate =
    named === BUNDLED
      ? { kind: 'usable', installation: bundledPi(host), warnings: [] }
      : await inspectNamed(absolutePath(named, host.home), context);
  if (candidate.kind === 'rejected') return { kind: 'failed', error: candidate.error };
  const { installation, warnings } = candidate;
  const unused =
    options.survey === true ? await besides(installation, `${named} was chosen with --pi or PIZZAPI_PI`, context) : [];
  return { kind: 'found', installation, warnings, unused };
}

/** Lists the pis that would be found without an option. */
async function besides(used: PiInstallation, reason: string, context: PiSearchContext): Promise<UnusedPi[]> {
  const automatic = await findOnPath(context, true);
  const { installation, unused } = automatic;
  if (installation.root === null) return unused;
  const all = [unusedPi(installation.root, installation, reason), ...unused];
  return all.filter(({ root }) => root === undefined || root !== used.root);
}

function unusedPi(path: string, { version, root }: PiInstallation, reason: string): UnusedPi {
  const why = { message: `pi ${version} at ${path} is not used, because ${reason}.` };
  return { path, version, why, ...(root === null ? {} : { root }) };
}

/** Finds the pi that sessions run on like `findPi`. Throws when the one that is named cannot be used. */
export async function requirePi(...args: Parameters<typeof findPi>): Promise<Extract<PiSearch, { kind: 'found' }>> {
  const search = await findPi(...args);
  if (search.kind === 'found') return search;
  throw Object.assign(new CodedError(search.error.code), { message: search.error.message });
}

type FoundPi = Extract<PiSearch, { kind: 'found' }>;

async function findOnPath(context: PiSearchContext, survey: boolean): Promise<FoundPi> {
  const { env, host } = context;
  const rejections: ErrorInfo[] = [];
  const unused: UnusedPi[] = [];
  let used: FoundPi | undefined;
  for (const path of await automaticPrograms(context)) {
    const outcome = await resolveProgram(path, context);
    if (outcome.kind === 'other' || isBundled(outcome, host)) continue;
    const candidate = await inspectOutcome(outcome, path, 'path', { env, host });
    if (candidate.kind === 'rejected') {
      if (used === undefined) rejections.push(candidate.error);
      unused.push({ path, version: candidate.version, why: candidate.error });
    } else if (used === undefined) {
      const { installation, warnings } = candidate;
      used = { kind: 'found', installation, warnings: [...rejections, ...warnings], unused };
      if (!survey) break;
    } else if (candidate.installation.root !== used.installation.root) {
      unused.push(unusedPi(path, candidate.installation, 'another pi comes before it on PATH'));
    }
  }
  return used ?? { kind: 'found', installation: bundledPi(host), warnings: rejections, unused };
}

/** The programs `pi` on PATH, and the launcher of pi's own installer, which is on the PATH of interactive shells only. */
async function automaticPrograms({ env, host }: PiSearchContext): Promise<string[]> {
  const agentDir = env['PI_CODING_AGENT_DIR'] || join(host.home, '.pi', 'agent');
  const launcher = join(agentDir, 'bin', 'pi');
  const onPath = await programsOnPath('pi', env);
  return !onPath.includes(launcher) && isAbsolute(agentDir) && (await isExecutable(launcher))
    ? [...onPath, launcher]
    : onPath;
}

/** `npm` puts the programs of our own dependencies on PATH while it runs us. */
function isBundled(outcome: ProgramOutcome, { bundledRoot }: PiHost): boolean {
  return outcome.kind === 'pi' && outcome.pi.root === bundledRoot;
}

async function inspectNamed(path: string, context: PiSearchContext): Promise<Candidate> {
  const about = await stat(path).catch(() => undefined);
  if (about === undefined) return rejected('pi_not_found', `There is nothing at ${path}`);
  const folder = about.isDirectory() ? path : basename(path) === 'package.json' ? dirname(path) : undefined;
  const outcome = folder === undefined ? await resolveProgram(path, context) : await inspectFolder(folder);
  if (outcome.kind === 'other') return rejected('pi_not_found', `${path} is no pi`);
  if (isBundled(outcome, context.host)) return { kind: 'usable', installation: bundledPi(context.host), warnings: [] };
  return inspectOutcome(outcome, path, 'option', context);
}

async function inspectFolder(folder: string): Promise<ProgramOutcome> {
  const found = await readPiFolder((await realPath(folder)) ?? folder);
  if (found.kind === 'pi') return { ...found, wrapperNodes: [], nodesBeside: nodesOfPrefix(found.pi.root) };
  if (found.kind === 'other') return found;
  return { kind: 'unusable', why: `pi ${found.version} is there without its modules`, todo: `${INSTALL_PI}.` };
}

/** npm installs a package in `<prefix>/lib/node_modules`; version managers have the Node in `<prefix>/bin`. */
function nodesOfPrefix(root: string): string[] {
  return [join(root, '..', '..', '..', '..', 'bin', 'node')];
}

async function inspectOutcome(
  outcome: Exclude<ProgramOutcome, { kind: 'other' }>,
  path: string,
  source: 'path' | 'option',
  context: PiSearchContext,
): Promise<Candidate> {
  if (outcome.kind === 'unusable')
    return rejected('pi_unusable', `The pi at ${path} cannot be used: ${outcome.why}. ${outcome.todo}`);
  const { version, packageName, root } = outcome.pi;
  const name = `pi ${version} at ${path}`;
  if (isTooOld(version)) return rejected('pi_too_old', `${name} cannot be loaded`, version);
  const search = await findNode(outcome.pi, outcome, context);
  if (search.kind === 'none') return rejected('pi_node_too_old', `${name} cannot be used: ${search.why}`, version);
  const isTested = isTestedVersion(version);
  return {
    kind: 'usable',
    installation: { source, packageName, version, root, node: search.node, isTested },
    warnings: isTested ? [] : [errorInfo('pi_untested', `${name} is outside the tested versions, ${TESTED_VERSIONS}`)],
  };
}

function rejected(code: ErrorInfo['code'], what: string, version?: string): Rejected {
  return { kind: 'rejected', error: errorInfo(code, what), version };
}

function absolutePath(path: string, home: string): string {
  return resolve(path === '~' || path.startsWith('~/') ? join(home, path.slice(1)) : path);
}
