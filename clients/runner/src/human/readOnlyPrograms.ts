import type { OptionRules } from './optionRules.js';

const SUMS = 'md5sum sha1sum sha224sum sha256sum sha384sum sha512sum b2sum cksum';
const grep: OptionRules = {
  flags: 'EFGPivwxcLlnHhoqsabrRyTUIZz',
  values: 'ABCmefdD',
  counts: true,
  long:
    'extended-regexp fixed-strings basic-regexp perl-regexp regexp= file= ignore-case no-ignore-case invert-match ' +
    'word-regexp line-regexp count color? colour? files-without-match files-with-matches max-count= only-matching ' +
    'quiet silent no-messages byte-offset with-filename no-filename label= line-number initial-tab null ' +
    'after-context= before-context= context= text binary-files= directories= devices= recursive null-data ' +
    'dereference-recursive include= exclude= exclude-dir= exclude-from= line-buffered',
  harmless: true,
};

/** Programs of every system, and what bash brings. None of them reads settings of the folder that it works in. */
export const PLAIN_PROGRAMS: Readonly<Record<string, OptionRules>> = {
  ...Object.fromEntries(['grep', 'egrep', 'fgrep'].map((name) => [name, grep])),
  ...Object.fromEntries(
    SUMS.split(' ').map((name) => [
      name,
      { flags: 'bctwz', long: 'check quiet status tag binary text ignore-missing warn strict zero', harmless: true },
    ]),
  ),
  ls: {
    flags: '1aAbBcCdfFgGhHiklLmnNopqQrRsStuUvxXZ@eO',
    values: 'I',
    long:
      'all almost-all author classify? color? directory dereference full-time group-directories-first no-group ' +
      'human-readable si inode indicator-style= time? time-style= sort= reverse recursive size width= hide= ignore= ' +
      'quote-name quoting-style= literal numeric-uid-gid format= file-type show-control-chars zero',
    harmless: true,
  },
  cat: {
    flags: 'AbeEnstTuv',
    long: 'number number-nonblank show-all show-ends show-tabs show-nonprinting squeeze-blank',
    harmless: true,
  },
  head: { flags: 'qvz', values: 'nc', counts: true, long: 'lines= bytes= quiet silent verbose', harmless: true },
  tail: { flags: 'qvzr', values: 'ncb', counts: true, long: 'lines= bytes= quiet silent verbose', harmless: true },
  wc: { flags: 'clmwL', long: 'bytes chars lines words max-line-length total=', harmless: true },
  pwd: { flags: 'LP', operands: 0 },
  cd: { flags: 'LP', operands: 1 },
  echo: { anyWords: true },
  true: { anyWords: true },
  false: { anyWords: true },
  cut: {
    flags: 'nsz',
    values: 'bcdf',
    long: 'bytes= characters= delimiter= fields= only-delimited complement output-delimiter= zero-terminated',
    harmless: true,
  },
  tr: { flags: 'cCdst', long: 'complement delete squeeze-repeats truncate-set1' },
  nl: { flags: 'p', values: 'bdfhilnsvw', harmless: true },
  tac: { flags: 'br', values: 's', harmless: true },
  rev: { harmless: true },
  paste: { flags: 'sz', values: 'd', long: 'delimiters= serial zero-terminated', harmless: true },
  column: { flags: 'txneJ', values: 'scoNHRWl', long: 'table separator= output-separator= json', harmless: true },
  comm: { flags: '123z', long: 'check-order nocheck-order output-delimiter= total', harmless: true },
  cmp: { flags: 'bls', values: 'in', long: 'print-bytes verbose silent quiet bytes=', harmless: true },
  stat: {
    flags: 'LftlxFnrsq',
    values: 'c',
    long: 'format= printf= dereference file-system terse',
    harmless: true,
  },
  du: {
    flags: 'abcDhHklLmPsSx0',
    values: 'dBtI',
    long:
      'all apparent-size human-readable max-depth= summarize total exclude= one-file-system si bytes block-size= ' +
      'threshold= separate-dirs inodes time? null dereference',
    harmless: true,
  },
  df: {
    flags: 'ahHiklmPTg',
    values: 'BtxF',
    long: 'all human-readable si inodes local portability print-type total output? type= exclude-type= block-size=',
    harmless: true,
  },
  basename: { flags: 'az', values: 's', long: 'multiple suffix= zero', harmless: true },
  dirname: { flags: 'z', long: 'zero', harmless: true },
  realpath: {
    flags: 'eLmPqsz',
    long: 'canonicalize-existing canonicalize-missing relative-to= relative-base= strip no-symlinks quiet zero',
    harmless: true,
  },
  readlink: {
    flags: 'femnqsvz',
    long: 'canonicalize canonicalize-existing canonicalize-missing no-newline zero',
    harmless: true,
  },
  which: { flags: 'as' },
  type: { flags: 'aftpP' },
  whoami: { operands: 0 },
  hostname: { operands: 0 },
  id: { flags: 'gGnruz', long: 'group groups name real user zero', operands: 1 },
  groups: { operands: 1 },
  uname: {
    flags: 'amnprsvio',
    long: 'all kernel-name nodename kernel-release kernel-version machine operating-system',
    operands: 0,
  },
  nproc: { long: 'all ignore=', operands: 0 },
  uptime: { flags: 'ps', operands: 0 },
  free: { flags: 'bkmghltw', long: 'bytes kibi mebi gibi human total wide', operands: 0 },
  ps: { anyWords: true },
  env: { operands: 0 },
  printenv: { flags: '0', harmless: true },
  seq: { flags: 'w', values: 'fs', long: 'equal-width format= separator=', harmless: true },
  fold: { flags: 'bs', values: 'w', long: 'bytes spaces width=', harmless: true },
  expand: { flags: 'i', values: 't', long: 'initial tabs=', harmless: true },
  unexpand: { flags: 'a', values: 't', long: 'all first-only tabs=', harmless: true },
  od: { flags: 'abcdfiosxv', values: 'AjNtw', long: 'address-radix= skip-bytes= read-bytes= format=', harmless: true },
  hexdump: { flags: 'bcCdovx', values: 'ens', long: 'canonical length= skip=' },
  xxd: { flags: 'abCeipu', values: 'cglos', operands: 1 },
  // `@file` holds more options.
  strings: {
    flags: 'adfo',
    values: 'nte',
    long: 'all bytes= radix= encoding=',
    check: ({ operands }) => !operands.some((operand) => operand.startsWith('@')),
  },
  base64: { flags: 'dD', values: 'w', long: 'decode wrap=', operands: 1 },
  // An operand sets the clock, as `-s` does.
  date: {
    flags: 'uR',
    attached: 'I',
    long: 'utc universal rfc-email iso-8601? rfc-3339= date= reference=',
    check: ({ operands }) => operands.every((operand) => operand.startsWith('+')),
  },
  // `-o` writes, `--compress-program` starts a program.
  sort: {
    flags: 'bdfghiMnRrsuVcCmz',
    values: 'ktS',
    long:
      'ignore-leading-blanks dictionary-order ignore-case general-numeric-sort human-numeric-sort month-sort ' +
      'numeric-sort random-sort reverse version-sort sort= check? key= field-separator= stable unique zero-terminated',
  },
  // A second operand is the output.
  uniq: {
    flags: 'cdDiuz',
    values: 'fsw',
    long: 'count repeated all-repeated? skip-fields= ignore-case skip-chars= unique zero-terminated check-chars=',
    operands: 1,
  },
  // `-C` compiles a file of magic numbers, `-m` reads one, `-z` starts programs.
  file: { flags: 'bikLhNnrE', values: 'F', long: 'brief mime mime-type mime-encoding dereference no-dereference' },
  // `-l` starts pr.
  diff: {
    flags: 'urqNwbBiacyepTtsd',
    values: 'UCxIW',
    long:
      'normal brief report-identical-files unified? context? side-by-side width= recursive no-dereference new-file ' +
      'exclude= ignore-case ignore-tab-expansion ignore-trailing-space ignore-space-change ignore-all-space ' +
      'ignore-blank-lines ignore-matching-lines= text strip-trailing-cr minimal color? label= show-c-function ' +
      'suppress-common-lines left-column speed-large-files',
  },
};

/** Programs that a person installs: what is found first on their path may read settings of the folder first. */
export const INSTALLED_PROGRAMS: Readonly<Record<string, OptionRules>> = {
  // `--pre` and `--search-zip` start programs.
  rg: {
    flags: 'niSslcovwxFPUuaHIN0pqbL.h',
    values: 'efgtTABCmMjdrE',
    long:
      'line-number no-line-number ignore-case smart-case case-sensitive files-with-matches files-without-match count ' +
      'count-matches only-matching invert-match word-regexp line-regexp fixed-strings pcre2 multiline ' +
      'multiline-dotall unrestricted text with-filename no-filename null pretty quiet byte-offset follow hidden ' +
      'no-hidden no-ignore no-ignore-vcs regexp= file= glob= iglob= type= type-not= after-context= before-context= ' +
      'context= max-count= max-columns= max-depth= replace= encoding= files type-list json stats sort= sortr= trim ' +
      'color= heading no-heading column passthru vimgrep no-config no-messages one-file-system threads=',
  },
  fd: fd(),
  fdfind: fd(),
  // `-o` writes, and so does `-R`.
  tree: {
    flags: 'adflxpshugDFqNrtcUJXnCiv',
    values: 'LPI',
    long: 'dirsfirst filesfirst du noreport prune gitignore filelimit= ignore-case si inodes sort?',
  },
  jq: {
    flags: 'rcnseSCMjaR',
    long:
      'raw-output raw-output0 compact-output null-input slurp exit-status sort-keys color-output monochrome-output ' +
      'join-output ascii-output raw-input tab indent= seq arg== argjson==',
  },
};

/** `-x`, `-X` and `-l` start programs. */
function fd(): OptionRules {
  return {
    flags: 'HIuLapsigF1q0',
    values: 'detEcS',
    long:
      'hidden no-ignore no-ignore-vcs unrestricted follow absolute-path full-path case-sensitive ignore-case glob ' +
      'fixed-strings quiet print0 max-depth= min-depth= exact-depth= extension= type= exclude= color= size= ' +
      'changed-within= changed-before= max-results= owner=',
  };
}
