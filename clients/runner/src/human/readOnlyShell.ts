import { parseShell, type ShellWord } from './shellWords.js';

/**
 * Which bash commands change nothing: an allow-list, so that what is not known counts as a change. It guards against a
 * model that forgets it is planning, on the person's own machine; it is no sandbox against a hostile program.
 */
type Check = (args: readonly string[]) => boolean;

/** Read and print, whatever their arguments: none of them has an option that writes a file or starts a program. */
const FREE = new Set(
  (
    'cat head tail wc ls pwd echo grep egrep fgrep cut tr nl tac rev paste column comm diff cmp stat du df basename ' +
    'dirname realpath readlink which type whoami id groups uname nproc uptime free ps printenv true false seq fold ' +
    'expand unexpand md5sum sha1sum sha224sum sha256sum sha384sum sha512sum b2sum cksum od hexdump strings jq cd'
  ).split(' '),
);

/** Programs that say their version and nothing else. */
const VERSIONED = new Set('node npm pnpm yarn bun deno python python3 go cargo rustc java tsc git make gcc'.split(' '));

const none = (pattern: RegExp): Check => {
  return (args) => !args.some((arg) => pattern.test(arg));
};
const all = (pattern: RegExp): Check => {
  return (args) => args.every((arg) => pattern.test(arg));
};
const nothing: Check = (args) => args.length === 0;

/** Read as long as certain options are kept away. Long options may be abbreviated, hence the short prefixes. */
const GUARDED: Readonly<Record<string, Check>> = {
  find: none(/^-(delete|exec|ok|fls|fprint)/),
  rg: none(/^--(pre|hostname-bin)/),
  fd: none(/^(-[^-]*[xX]|--exec)/),
  // `-o` writes, `--compress-program` starts a program; both may be abbreviated or hidden in a cluster.
  sort: all(/^(-[bdfghiMnRrsuVcCmz]+|-[kt].*|[^-].*|-)$/),
  uniq: (args) => all(/^(-[cdDiuz]+|[^-].*)$/)(args) && args.filter((arg) => !arg.startsWith('-')).length <= 1,
  tree: none(/^(-[^-]*[oR]|--o)/),
  file: none(/^(-[^-]*C|--c)/),
  date: all(/^(-u|-R|-I\w*|\+.*)$/),
  base64: none(/^(-[^-]*o|--o)/),
  printf: none(/^-v/),
  hostname: nothing,
  env: nothing,
  test: (args) => args.length === 2 && /^-[efdsrwxLhnz]$/.test(args[0]!),
  '[': (args) => args.length === 3 && /^-[efdsrwxLhnz]$/.test(args[0]!) && args[2] === ']',
  command: (args) => args.length === 2 && /^-[vV]$/.test(args[0]!),
  sed: (args) => args[0] === '-n' && /^(\d+|\$)(,(\d+|\$))?p$/.test(args[1] ?? '') && none(/^-/)(args.slice(2)),
  awk: isReadOnlyAwk,
  xargs: isReadOnlyXargs,
  git: isReadOnlyGit,
};

/** An awk program that starts nothing and writes nothing but its output. */
function isReadOnlyAwk(args: readonly string[]): boolean {
  const [first = '', ...rest] = args;
  if (/^-F./.test(first)) return isReadOnlyAwk(rest);
  if (first === '-F') return isReadOnlyAwk(rest.slice(1));
  return first !== '' && !first.startsWith('-') && !/system|getline|close|[|>@]/.test(first) && none(/^-/)(rest);
}

/** What xargs appends comes from a pipe: only a command that is free in all its arguments may get it. */
function isReadOnlyXargs(args: readonly string[]): boolean {
  const [first = '', ...rest] = args;
  if (/^-(0|r|[nLP]\d+)$/.test(first)) return isReadOnlyXargs(rest);
  if (/^-[nLP]$/.test(first)) return isReadOnlyXargs(rest.slice(1));
  return FREE.has(first);
}

const keepsNoFile = none(/^--ou/);
const GIT: Readonly<Record<string, Check>> = {
  status: keepsNoFile,
  log: keepsNoFile,
  diff: keepsNoFile,
  show: keepsNoFile,
  blame: keepsNoFile,
  shortlog: keepsNoFile,
  describe: keepsNoFile,
  'rev-parse': keepsNoFile,
  'rev-list': keepsNoFile,
  'ls-files': keepsNoFile,
  'ls-tree': keepsNoFile,
  'cat-file': keepsNoFile,
  'merge-base': keepsNoFile,
  'name-rev': keepsNoFile,
  'for-each-ref': keepsNoFile,
  'show-ref': keepsNoFile,
  grep: none(/^(-[^-]*O|--op)/),
  branch: all(/^(-[arv]+|--(all|remotes|verbose|list|show-current|merged|no-merged|sort=.*|format=.*))$/),
  tag: (args) => args.length === 0 || /^(-l|--list)$/.test(args[0]!),
  remote: (args) => args.length === 0 || /^(-v|--verbose)$/.test(args.join(' ')) || args[0] === 'get-url',
  stash: (args) => (args[0] === 'list' || args[0] === 'show') && keepsNoFile(args),
  reflog: (args) => args.length === 0 || args[0] === 'show',
  config: (args) => /^(-l|--list|--get|--get-all|--get-regexp)$/.test(args[0] ?? '') && none(/^-/)(args.slice(1)),
};

function isReadOnlyGit(args: readonly string[]): boolean {
  const [first = '', ...rest] = args;
  if (first === '-C') return isReadOnlyGit(rest.slice(1));
  if (first === '--no-pager') return isReadOnlyGit(rest);
  return Object.hasOwn(GIT, first) && GIT[first]!(rest);
}

/** Whether one simple command only reads. */
export function isReadOnlyWords([name, ...args]: readonly ShellWord[]): boolean {
  if (name === undefined || (name.glob && name.text !== '[') || name.expands) return false;
  const texts = args.map(({ text }) => text);
  if (VERSIONED.has(name.text) && texts.length === 1 && texts[0] === '--version') return true;
  if (FREE.has(name.text)) return true;
  if (!Object.hasOwn(GUARDED, name.text)) return false;
  // A glob or a variable may turn into an option that is not to be seen here.
  const hidden = args.some(({ text, glob, expands }) => expands || (glob && /^[-*?[]/.test(text)));
  return !hidden && GUARDED[name.text]!(texts);
}

export type ReadOnly = { readOnly: true } | { readOnly: false; why: string };

/** Whether a bash script only reads, and if not, what in it does not look so. */
export function checkReadOnly(script: string): ReadOnly {
  const parsed = parseShell(script);
  if (parsed.kind === 'opaque') return { readOnly: false, why: `it holds ${parsed.why}` };
  const other = parsed.commands.find((words) => !isReadOnlyWords(words));
  if (other === undefined) return { readOnly: true };
  const text = other.map((word) => word.text).join(' ');
  return { readOnly: false, why: `"${text.length > 80 ? `${text.slice(0, 80)}…` : text}" is not known to only read` };
}
