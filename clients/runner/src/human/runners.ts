import { PLAIN_PROGRAMS } from './readOnlyPrograms.js';

/** Programs that run what their arguments name. */
const WRAPPERS = new Set(
  (
    'env command exec nohup nice time timeout sudo doas xargs stdbuf setsid busybox toybox builtin eval ionice chroot ' +
    'unshare nsenter flock watch script su runuser setpriv parallel trap strace ltrace taskset chrt systemd-run ssh ' +
    'caffeinate arch numactl unbuffer firejail bwrap fakeroot faketime proot catchsegv valgrind perf find'
  ).split(' '),
);
const SHELLS = new Set('sh bash dash zsh ksh mksh fish ash csh tcsh source .'.split(' '));
const INTERPRETERS = new Set('python python2 python3 perl ruby node php lua'.split(' '));
/** Programs that take a script in a word, besides shells. */
const WITH_SCRIPTS = new Set(['eval', 'trap', 'watch', 'script', 'su', 'ssh', 'parallel']);

/** Programs whose arguments are files, texts and numbers. */
const WITH_DATA = new Set([
  ...Object.keys(PLAIN_PROGRAMS),
  ...['test', '[', 'printf', 'rm', 'rmdir', 'mkdir', 'touch', 'cp', 'mv', 'ln', 'chmod', 'chown', 'chgrp', 'tee'],
  ...['export', 'unset', 'read', 'local', 'declare', 'typeset', 'readonly', 'exit', 'return', 'shift', 'set', 'shopt'],
  ...['curl', 'wget', 'kill', 'pkill', 'killall', 'sleep', 'dd', 'truncate', 'gzip', 'gunzip', 'zip', 'unzip', 'wait'],
  ...['pushd', 'popd', ':', 'gh', 'less', 'more', 'tree', 'jq', 'rustc', 'gcc', 'tsc', 'apt', 'apt-get', 'brew', 'pip'],
]);

/** Programs whose first word that is no option says what they do, and those of these words that run something. */
const WITH_SUBCOMMANDS: Readonly<Record<string, RegExp>> = {
  git: /^(rebase|bisect|submodule|filter-branch|difftool|mergetool|config|for-each-repo|send-email|instaweb|help)$/,
  npm: /^(exec|x|run|run-script|explore|init|create|config|pkg|set)$/,
  pnpm: /^(exec|dlx|run|create|config)$/,
  yarn: /^(exec|dlx|run|create|config|node)$/,
  bun: /^(x|run|create|-e|exec)$/,
  deno: /^(run|eval|task)$/,
  docker: /^(exec|run|create|compose|container|buildx)$/,
  podman: /^(exec|run|create|compose|container)$/,
  kubectl: /^(exec|run|debug|create)$/,
  cargo: /^(run|r)$/,
  go: /^(run|generate)$/,
  make: /^$/,
};
/** Options with which any of those runs something. */
const RUNNING_OPTION =
  /^(-c|-x|--?(exec|toolexec|config|config-env|upload-pack|receive-pack|open-files-in-pager)(=|$))/;
const FIND_ACTION = /^-(exec|execdir|ok|okdir)$/;
const FD_ACTION = /^(-[^-]*[xX]|--exec|--exec-batch)$/;

/** The name of a program without the folder that it is in. Some file systems do not tell case. */
export function programOf(word: string): string {
  return word.slice(word.lastIndexOf('/') + 1).toLowerCase();
}

export const hasSubcommands = (program: string): boolean => Object.hasOwn(WITH_SUBCOMMANDS, program);
export const isWrapper = (program: string): boolean => WRAPPERS.has(program);
export const isShell = (program: string): boolean => SHELLS.has(program);
export const isInterpreter = (program: string): boolean => INTERPRETERS.has(program);
/** Whether a program runs a word of its own as a shell script. */
export const runsText = (program: string): boolean => SHELLS.has(program) || WITH_SCRIPTS.has(program);

/** From which word on a command may run its own words as a program; undefined where none may. */
export function exposedFrom(words: readonly string[]): number | undefined {
  const program = programOf(words[0] ?? '');
  const isPlace = words[0]!.includes('/') && !/^\/(usr\/)?(local\/)?s?bin\//.test(words[0]!);
  if (isPlace) return 1;
  if (program === 'command' && /^-[vV]$/.test(words[1] ?? '')) return undefined;
  if (program === 'find') return after(words, FIND_ACTION);
  if (program === 'fd' || program === 'fdfind') return after(words, FD_ACTION);
  if (program === 'rg') return after(words, /^--pre(=|$)/, 0);
  if (program === 'sort') return after(words, /^--c/, 0);
  if (isWrapper(program) || isShell(program)) return 1;
  if (WITH_DATA.has(program)) return undefined;
  if (!hasSubcommands(program)) return 1;
  const option = words.findIndex((word, at) => at > 0 && RUNNING_OPTION.test(word));
  if (option > 0) return option;
  const at = words.findIndex((word, index) => index > 0 && WITH_SUBCOMMANDS[program]!.test(word));
  return at < 0 ? after(words, /^\w+=/, 0) : at + 1;
}

function after(words: readonly string[], pattern: RegExp, behind = 1): number | undefined {
  const at = words.findIndex((word, index) => index > 0 && pattern.test(word));
  return at < 0 ? undefined : at + behind;
}
