import { areAllowed, type ParsedArguments, type OptionRules } from './optionRules.js';
import type { ShellWord } from './shellParser.js';

/** How a difference is shown. Not among them: `--output`, `--ext-diff`, `--textconv`, `--submodule`. */
const DIFF_LONG =
  'patch no-patch raw patch-with-raw patch-with-stat minimal patience histogram diff-algorithm= anchored= stat? ' +
  'compact-summary numstat shortstat dirstat? cumulative summary name-only name-status color? no-color color-moved? ' +
  'no-color-moved color-moved-ws= word-diff? word-diff-regex= color-words? no-renames no-rename-empty check ' +
  'full-index binary abbrev? break-rewrites? find-renames? find-copies? find-copies-harder irreversible-delete ' +
  'diff-filter= pickaxe-all pickaxe-regex find-object= relative? no-relative text ignore-cr-at-eol ' +
  'ignore-space-at-eol ignore-space-change ignore-all-space ignore-blank-lines ignore-matching-lines= ' +
  'inter-hunk-context= function-context exit-code quiet unified= no-prefix default-prefix src-prefix= dst-prefix= ' +
  'line-prefix= ita-invisible-in-index no-ext-diff no-textconv';

/** Which commits are listed, and how. Not among them: `--show-signature`, `--remerge-diff`, `--diff-merges`. */
const LOG_LONG =
  'oneline graph no-graph decorate? no-decorate decorate-refs= decorate-refs-exclude= clear-decorations source ' +
  'use-mailmap mailmap no-mailmap format= pretty? abbrev-commit no-abbrev-commit encoding= all branches? tags? ' +
  'remotes? glob= exclude= walk-reflogs merges no-merges first-parent author= committer= grep= grep-reflog= ' +
  'all-match invert-grep regexp-ignore-case basic-regexp extended-regexp fixed-strings perl-regexp since= after= ' +
  'until= before= since-as-filter= max-count= skip= reverse follow full-history simplify-by-decoration ' +
  'simplify-merges dense sparse ancestry-path? topo-order date-order author-date-order date= relative-date parents ' +
  'children left-right left-only right-only cherry cherry-mark cherry-pick boundary no-walk? show-notes? notes? ' +
  'no-notes log-size full-diff min-parents= max-parents= no-min-parents no-max-parents count objects cc';

const diff: OptionRules = {
  flags: 'pusRabwWzDcmrtg0123',
  values: 'USGlI',
  attached: 'MCBX',
  long: `${DIFF_LONG} cached staged merge-base no-index base ours theirs`,
};
const log: OptionRules = {
  flags: `${diff.flags!}qiEFP`,
  values: 'USGlInL',
  attached: 'MCBX',
  counts: true,
  long: `${DIFF_LONG} ${LOG_LONG}`,
};
/** What lists references. */
const REFS = 'sort= format= points-at= contains= no-contains= merged= no-merged= ignore-case color? no-color column?';

const hasOne =
  (...names: string[]) =>
  ({ options }: ParsedArguments) =>
    names.some((name) => options.includes(name));

const SUBCOMMANDS: Readonly<Record<string, OptionRules>> = {
  diff,
  log,
  show: log,
  'rev-list': log,
  'diff-tree': { ...diff, long: `${diff.long!} root stdin no-commit-id always` },
  status: {
    flags: 'sbz',
    attached: 'u',
    long:
      'short branch show-stash porcelain? long untracked-files? ignored? column? no-column ahead-behind ' +
      'no-ahead-behind renames no-renames find-renames? null',
  },
  blame: {
    flags: 'bcfelnpstw',
    values: 'LS',
    attached: 'MC',
    long:
      'line-porcelain porcelain show-stats show-email show-name show-number root date= since= first-parent ' +
      'ignore-rev= ignore-revs-file= color-lines color-by-age abbrev= progress no-progress minimal',
  },
  shortlog: {
    flags: 'nsec',
    attached: 'w',
    counts: true,
    long:
      'numbered summary email group= committer no-merges merges all branches? tags? since= until= after= before= ' +
      'author= format= first-parent max-count=',
  },
  describe: {
    long: 'tags all long always abbrev? match= exclude= candidates= first-parent exact-match contains debug',
  },
  'rev-parse': {
    flags: 'q',
    long:
      'show-toplevel show-prefix show-cdup git-dir git-common-dir absolute-git-dir git-path= path-format= ' +
      'abbrev-ref? short? verify quiet symbolic symbolic-full-name is-inside-work-tree is-inside-git-dir ' +
      'is-bare-repository is-shallow-repository all branches? tags? remotes? show-object-format? ' +
      'show-superproject-working-tree revs-only no-revs flags no-flags',
  },
  'ls-files': {
    flags: 'mdoscikutvfz',
    values: 'xX',
    long:
      'cached deleted modified others ignored stage directory no-empty-directory unmerged killed eol exclude= ' +
      'exclude-from= exclude-per-directory= exclude-standard error-unmatch full-name abbrev? debug deduplicate format=',
  },
  'ls-tree': { flags: 'drtlz', long: 'name-only name-status full-name full-tree long abbrev? format= object-only' },
  'cat-file': { flags: 'tsep', long: 'allow-unknown-type' },
  'merge-base': { flags: 'a', long: 'all octopus independent is-ancestor fork-point' },
  'name-rev': { long: 'tags all refs= exclude= name-only always no-undefined' },
  'for-each-ref': { long: `count= exclude= ${REFS}` },
  'show-ref': { flags: 'dsq', long: 'head heads branches tags dereference hash? verify abbrev? quiet' },
  'check-ignore': { flags: 'qvzn', long: 'quiet verbose non-matching no-index' },
  'count-objects': { flags: 'vH', long: 'verbose human-readable', operands: 0 },
  // With a second operand it sets the reference.
  'symbolic-ref': { flags: 'q', long: 'short quiet', operands: 1 },
  cherry: { flags: 'v', long: 'verbose abbrev?' },
  version: { long: 'build-options', operands: 0 },
  // `-O` opens a pager; `--textconv` and `--recurse-submodules` start programs.
  grep: {
    flags: 'aiIvwEGFPnlLocqhHzpWr',
    values: 'ABCmef',
    counts: true,
    long:
      'text ignore-case invert-match word-regexp extended-regexp basic-regexp fixed-strings perl-regexp line-number ' +
      'column files-with-matches name-only files-without-match only-matching count color? no-color heading break ' +
      'show-function function-context context= after-context= before-context= max-depth= max-count= all-match and or ' +
      'not quiet full-name null cached untracked no-index exclude-standard no-exclude-standard recursive no-recursive',
  },
  // An operand makes a branch, unless there is a list to be shown.
  branch: {
    flags: 'arvqi',
    long: `all remotes verbose quiet list show-current no-column abbrev? no-abbrev ${REFS}`,
    check: (given) => given.operands.length === 0 || hasOne('--list')(given),
  },
  tag: {
    flags: 'li',
    attached: 'n',
    long: `list no-column ${REFS}`,
    check: (given) => given.operands.length === 0 || hasOne('-l', '--list')(given),
  },
  config: {
    flags: 'lz',
    long:
      'list get= get-all= get-regexp= global local system worktree show-origin show-scope name-only null includes ' +
      'no-includes type= bool int path',
    check: hasOne('-l', '--list', '--get', '--get-all', '--get-regexp'),
  },
};

/** Commands whose next word says what they do. */
const SECOND: Readonly<Record<string, Readonly<Record<string, OptionRules>>>> = {
  remote: { '': { flags: 'v', long: 'verbose', operands: 0 }, 'get-url': { long: 'push all', operands: 1 } },
  stash: { list: { ...log, operands: 0 }, show: diff },
  reflog: { '': { operands: 0 }, show: { ...log, long: LOG_LONG } },
  worktree: { list: { flags: 'vz', long: 'porcelain verbose', operands: 0 } },
};

/** Whether a call of git only reads, given that what the repository configures is switched off (`readOnlyRun.ts`). */
export function isReadOnlyGit(words: readonly ShellWord[]): boolean {
  const [first, second, ...rest] = words;
  if (first === undefined || first.glob || first.expands) return false;
  if (['--version', '-v', 'version'].includes(first.text) && second === undefined) return true;
  if (first.text === '-C') return second !== undefined && isPlace(second) && isReadOnlyGit(rest);
  if (['--no-pager', '-P', '--no-optional-locks'].includes(first.text)) return isReadOnlyGit(words.slice(1));
  if (Object.hasOwn(SECOND, first.text)) {
    const rules = SECOND[first.text]!;
    const name = second?.text ?? '';
    if (Object.hasOwn(rules, name)) return areAllowed(rules[name]!, rest);
    return Object.hasOwn(rules, '') && areAllowed(rules['']!, words.slice(1));
  }
  return Object.hasOwn(SUBCOMMANDS, first.text) && areAllowed(SUBCOMMANDS[first.text]!, words.slice(1));
}

const isPlace = ({ text, glob, expands }: ShellWord) => !glob && !expands && !text.startsWith('-');
