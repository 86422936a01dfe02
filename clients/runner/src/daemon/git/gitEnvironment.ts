import { delimiter, isAbsolute, join } from 'node:path';
import { isProgram } from '../../programs.js';

/**
 * What git may start. `read` and `write`: no program that a configuration names. With `read`, filters are left out; with
 * `write`, git refuses a file that has one, because the index would get another content than the person expects.
 * `programs`: what the configuration says, for a person who may run commands.
 */
export type GitMode = 'read' | 'write' | 'programs';

/** A key of git's configuration and its value. */
export type ConfigEntry = readonly [key: string, value: string];

/** Keys that this file overrides at most. A configuration with more of them is refused. */
export const MAX_OVERRIDES = 500;

/** A program that does nothing and fails: git takes its failure for a conflict or a missing signature. */
const FAILS = 'false';

/** Settings for every call: git asks nothing, prints what the parsers here read, and stays in one repository. */
const ALWAYS: readonly ConfigEntry[] = [
  ['core.quotePath', 'false'],
  ['core.fsmonitor', 'false'],
  ['core.pager', 'cat'],
  ['core.untrackedCache', 'false'],
  ['safe.bareRepository', 'explicit'],
  ['color.ui', 'false'],
  ['diff.noprefix', 'false'],
  ['diff.mnemonicPrefix', 'false'],
  ['diff.relative', 'false'],
  ['diff.submodule', 'short'],
  // Otherwise git runs a git of its own in each submodule, with the configuration of the submodule.
  ['diff.ignoreSubmodules', 'dirty'],
  ['diff.orderFile', '/dev/null'],
  ['status.submoduleSummary', 'false'],
  ['status.relativePaths', 'false'],
  ['submodule.recurse', 'false'],
  ['log.showSignature', 'false'],
  ['i18n.logOutputEncoding', 'UTF-8'],
  ['advice.addEmbeddedRepo', 'false'],
  ['gc.auto', '0'],
  ['maintenance.auto', 'false'],
  ['merge.autoStash', 'false'],
];

/** Settings for a call that starts no program: the keys that name one, whatever the repository has. */
const WITHOUT_PROGRAMS: readonly ConfigEntry[] = [
  ['core.hooksPath', '/dev/null'],
  ['core.sshCommand', FAILS],
  ['core.gitProxy', FAILS],
  ['core.askPass', FAILS],
  ['core.editor', FAILS],
  ['core.alternateRefsCommand', FAILS],
  ['sequence.editor', FAILS],
  ['diff.external', ''],
  ['interactive.diffFilter', ''],
  ['credential.helper', ''],
  ['commit.gpgSign', 'false'],
  ['tag.gpgSign', 'false'],
  ['merge.verifySignatures', 'false'],
  ['gpg.program', FAILS],
  ['gpg.openpgp.program', FAILS],
  ['gpg.x509.program', FAILS],
  ['gpg.ssh.program', FAILS],
  ['gpg.ssh.defaultKeyCommand', FAILS],
  ['protocol.allow', 'never'],
];

/**
 * Returns the settings that a call of git gets, given the keys of the configuration. Programs have names of their own in it
 * (`filter.<name>.clean`), so that each is overridden by its name.
 */
export function configFor(mode: GitMode, keys: Iterable<string>): ConfigEntry[] {
  if (mode === 'programs') return [...ALWAYS];
  const own: ConfigEntry[] = [];
  for (const key of new Set(keys)) own.push(...overridesOf(key, mode));
  return [...ALWAYS, ...WITHOUT_PROGRAMS, ...own];
}

function overridesOf(key: string, mode: GitMode): ConfigEntry[] {
  const dot = key.indexOf('.');
  const end = key.lastIndexOf('.');
  if (dot === end) return [];
  const [section, name, variable] = [key.slice(0, dot).toLowerCase(), key.slice(dot, end), key.slice(end + 1)];
  const set = (option: string, value: string): ConfigEntry => [`${section}${name}.${option}`, value];
  switch (section) {
    case 'filter':
      return [
        set('clean', ''),
        set('smudge', ''),
        set('process', ''),
        set('required', mode === 'read' ? 'false' : 'true'),
      ];
    case 'diff':
      return [set('command', ''), set('textconv', '')];
    case 'merge':
      return variable.toLowerCase() === 'driver' ? [set('driver', FAILS)] : [];
    case 'hook':
      return [set('enabled', 'false'), set('command', 'true')];
    case 'credential':
      return [set('helper', '')];
    default:
      return [];
  }
}

/** The environment of git: nothing of the caller's own git, and the settings as variables. */
export function gitEnvironment(
  base: NodeJS.ProcessEnv,
  mode: GitMode,
  config: readonly ConfigEntry[],
): NodeJS.ProcessEnv {
  const kept = Object.entries(base).filter(([name]) => !name.startsWith('GIT_') && name !== 'SSH_ASKPASS');
  const settings = config.flatMap(([key, value], index) => [
    [`GIT_CONFIG_KEY_${index}`, key],
    [`GIT_CONFIG_VALUE_${index}`, value],
  ]);
  return {
    ...Object.fromEntries(kept),
    PATH: absolutePath(base['PATH']),
    LC_ALL: 'C',
    PAGER: 'cat',
    GIT_PAGER: 'cat',
    GIT_TERMINAL_PROMPT: '0',
    GIT_ASKPASS: FAILS,
    SSH_ASKPASS: FAILS,
    GIT_EDITOR: FAILS,
    GIT_SEQUENCE_EDITOR: FAILS,
    GIT_LITERAL_PATHSPECS: '1',
    ...(mode === 'read' ? { GIT_OPTIONAL_LOCKS: '0' } : {}),
    ...(mode === 'programs' ? {} : { GIT_NO_LAZY_FETCH: '1', GIT_ALLOW_PROTOCOL: 'none' }),
    // As variables and not as `-c`: a name with `=` in it could not be set by an argument.
    GIT_CONFIG_COUNT: String(config.length),
    ...(Object.fromEntries(settings) as Record<string, string>),
  };
}

/** The search path without the folders that depend on where git runs: a repository could bring a `git` of its own. */
function absolutePath(path: string | undefined): string {
  return (path ?? '').split(delimiter).filter(isAbsolute).join(delimiter);
}

/** Returns the path of the host's git, or undefined. */
export function findGit(env: NodeJS.ProcessEnv): string | undefined {
  const folders = absolutePath(env['PATH']).split(delimiter);
  return folders
    .filter((folder) => folder !== '')
    .map((folder) => join(folder, 'git'))
    .find(isProgram);
}
