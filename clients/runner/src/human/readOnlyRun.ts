import { homedir } from 'node:os';
import { delimiter, isAbsolute, relative, resolve, sep } from 'node:path';
import { shellQuote } from '@pizzapi/protocol';

/**
 * How a script runs that only reads. What `readOnlyShell.ts` lets through does so for what it itself does; here the
 * folder, its repositories and the environment lose what would have it do more.
 */

/** Programs that git starts when a repository configures them, and what makes it write or connect. Each is off. */
const GIT_SETTINGS = [
  ...['core.fsmonitor=false', 'core.hooksPath=/dev/null', 'core.sshCommand=false', 'core.pager=cat'],
  ...['core.askPass=false', 'core.editor=false', 'core.alternateRefsCommand=true', 'core.gitProxy='],
  ...['diff.external=', 'diff.submodule=short', 'diff.autoRefreshIndex=false', 'interactive.diffFilter=cat'],
  ...['log.showSignature=false', 'log.diffMerges=separate', 'gpg.program=false', 'gpg.openpgp.program=false'],
  ...['gpg.x509.program=false', 'gpg.ssh.program=false', 'credential.helper=', 'protocol.allow=never'],
  ...['safe.bareRepository=explicit', 'submodule.recurse=false', 'status.submoduleSummary=false', 'column.ui=never'],
];

/** Variables by which git is told the same: for what it starts itself. */
const GIT_VARIABLES: Readonly<Record<string, string>> = {
  GIT_OPTIONAL_LOCKS: '0',
  GIT_NO_LAZY_FETCH: '1',
  GIT_ALLOW_PROTOCOL: 'none',
  GIT_TERMINAL_PROMPT: '0',
  GIT_PAGER: 'cat',
  GIT_EDITOR: 'false',
};

/**
 * Replaces git by a function. A repository names its filters as it likes, so that the function looks up those names
 * first, which starts none of them. It works in bash 3.2 as well.
 */
const GIT_FUNCTION = `
git() {
  local -a at=() off=() more=()
  local key keys status IFS=$'\\n'
  while [ $# -gt 0 ]; do
    case $1 in
      -C) at+=(-C "$2"); shift 2 ;;
      --no-pager | -P | --no-optional-locks) shift ;;
      *) break ;;
    esac
  done
  case $1 in
    diff | log | show | rev-list | diff-tree) more=(--no-ext-diff --no-textconv) ;;
    blame) more=(--no-textconv) ;;
    status) more=(--ignore-submodules=dirty) ;;
    stash | reflog)
      if [ $# -gt 1 ]; then set -- "$1" "$2" --no-ext-diff --no-textconv "\${@:3}"; fi ;;
  esac
  [ "$1" != diff ] || more+=(--ignore-submodules=dirty)
  off=(${GIT_SETTINGS.map((setting) => `-c ${setting}`).join(' ')})
  keys=$(command git \${at[@]+"\${at[@]}"} "\${off[@]}" config --name-only --get-regexp '^filter\\..*\\.(clean|smudge|process|required)$')
  status=$?
  if [ $status -gt 1 ]; then echo 'git: what the repository configures cannot be read' >&2; return $status; fi
  set -f
  for key in $keys; do
    case $key in *=*) set +f; echo "git: this cannot be switched off: $key" >&2; return 128 ;; esac
    off+=(-c "$key=")
  done
  set +f
  if [ $# -gt 0 ]; then set -- "$1" \${more[@]+"\${more[@]}"} "\${@:2}"; fi
  command git --no-pager \${at[@]+"\${at[@]}"} "\${off[@]}" "$@"
}
export -f git
`;

/** Variables that have bash, the loader, or an allowed program read a file or run something. */
const UNWANTED =
  /^(LD_|DYLD_|BASH_|GIT_|GLIBC_|GCONV_|AWK|GAWK|LESS|ENV$|SHELLOPTS$|BASHOPTS$|CDPATH$|GLOBIGNORE$|EXECIGNORE$|IFS$|PS4$|PROMPT_COMMAND$|POSIXLY_CORRECT$|RIPGREP_CONFIG_PATH$|SSH_ASKPASS$|MAGIC$|GREP_OPTIONS$|TREE_|NLSPATH$|LOCPATH$)/;

/** Folders of shims: programs that first look into the folder they work in for which program to be. */
const SHIMS = /(^|\/)(shims|node_modules|\.volta|\.direnv)(\/|$)/;

/**
 * The folders in which programs are looked for: none that is relative or belongs to what is worked on. Who works in all
 * of a home or a system has programs of their own there.
 */
export function readOnlyPath(path: string, cwd: string, home = homedir()): string {
  const isProject = ![home, '/bin', '/usr/bin'].some((folder) => isBelow(folder, cwd));
  return path
    .split(delimiter)
    .filter((folder) => isAbsolute(folder) && !SHIMS.test(folder) && !(isProject && isBelow(folder, cwd)))
    .join(delimiter);
}

function isBelow(folder: string, cwd: string): boolean {
  const way = relative(resolve(cwd), resolve(folder));
  return way === '' || (way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way));
}

/** The environment of a script that only reads. */
export function readOnlyEnv(env: NodeJS.ProcessEnv, cwd: string): NodeJS.ProcessEnv {
  const kept = Object.entries(env).filter(([name]) => !UNWANTED.test(name));
  const path = Object.keys(env).find((name) => name.toUpperCase() === 'PATH') ?? 'PATH';
  const locale = env['LC_ALL'] || env['LC_CTYPE'] || env['LANG'] || 'C';
  return {
    ...Object.fromEntries(kept),
    ...GIT_VARIABLES,
    [path]: readOnlyPath(env[path] ?? '', cwd, env['HOME']),
    // In other encodings a byte of one character may be a quote.
    ...(/^(C|POSIX)$|utf-?8/i.test(locale) ? {} : { LC_ALL: 'C' }),
  };
}

/** A sandbox hides the processes of the machine; who lists them should not take those that are left for all. */
const PS_FUNCTION = `
ps() { echo 'ps: only processes of this command can be seen while commands may only read' >&2; command ps "$@"; }
export -f ps
`;

/** One command line for a shell that replaces it by a plain bash, in the sandbox where there is one. */
export function readOnlyCommand(script: string, bash: string, sandbox: readonly string[] = []): string {
  const prelude = sandbox.length === 0 ? GIT_FUNCTION : `${GIT_FUNCTION}${PS_FUNCTION}`;
  // A second bash has the functions, and numbers the lines of the script as they are.
  const start = `${prelude}exec "$0" --noprofile --norc -c "$1"`;
  const words = [...sandbox, bash, '--noprofile', '--norc', '-c', start, bash, script];
  return `exec ${words.map(shellQuote).join(' ')}`;
}
