import { areAllowed } from './optionRules.js';
import { PLAIN_PROGRAMS } from './readOnlyPrograms.js';
import type { ShellWord } from './shellParser.js';

/** Whether a program only reads when it gets these arguments. */
export type WordCheck = (words: readonly ShellWord[]) => boolean;

const isLiteral = ({ glob, expands }: ShellWord) => !glob && !expands;
const textsOf = (words: readonly ShellWord[]) => words.map(({ text }) => text);

/** Takes the leading options off; undefined when one of them is not known. */
function withoutOptions(words: readonly ShellWord[], pattern: RegExp, withValue?: RegExp): ShellWord[] | undefined {
  let at = 0;
  for (; at < words.length && /^-./.test(words[at]!.text); at++) {
    const word = words[at]!;
    if (word.text === '--') return words.slice(at + 1);
    if (!isLiteral(word)) return undefined;
    if (withValue?.test(word.text) === true) at++;
    else if (!pattern.test(word.text)) return undefined;
    const value = words[at];
    if (value === undefined || (!isLiteral(value) && value !== word)) return undefined;
  }
  return words.slice(at);
}

/** A test of one file, or of two texts. With other operators bash may evaluate what an operand holds. */
const isPlainTest: WordCheck = (words) => {
  const [first, ...rest] = words;
  if (first?.text === '!') return isPlainTest(rest);
  if (!words.every(isLiteral)) return false;
  const [operator = '', middle = ''] = textsOf(words);
  if (words.length === 2) return /^-[efdsrwxLhnzbcpSugkOGN]$/.test(operator);
  return words.length === 3 && /^(=|==|!=|-(eq|ne|lt|le|gt|ge|nt|ot|ef))$/.test(middle) && !/^[-!(]/.test(operator);
};

/** A format whose directives print. `%n` sets a variable; an escape may hide a directive, a variable may hold one. */
function isPlainFormat({ text, glob, expands }: ShellWord): boolean {
  if (glob || expands || text.startsWith('-')) return false;
  const rest = text.replace(/%(%|[-+ #0]*\d*(\.\d+)?[sdiuxXofeEgGbqc])/g, '');
  return !/[%$]|\\[xuU\d]/.test(rest);
}

const SED_ADDRESS = String.raw`(\d+|\$|/[^/\\[\n;]+/)`;
const SED_PRINT = new RegExp(String.raw`^${SED_ADDRESS}(,${SED_ADDRESS})?[pd]$`);
const SED_SUBSTITUTION = /^s([/|#,])((?!\1)[^\\\n[]|\\[^\n])*\1((?!\1)[^\\\n]|\\[^\n])*\1[gpI\d]*$/;

/** `s/x/y/g` and `1,5p`: the commands and flags e and w would run a command or write a file. */
const isPlainSed: WordCheck = (words) => {
  const rest = withoutOptions(words, /^(-[nEru]+|--(quiet|silent|regexp-extended))$/);
  const [script, ...files] = rest ?? [];
  if (script === undefined || !isLiteral(script) || !files.every(isFile)) return false;
  const prints = script.text.split(';').every((command) => SED_PRINT.test(command.trim()));
  return prints || SED_SUBSTITUTION.test(script.text);
};

/** An awk program that starts nothing, writes nothing but its output, and chooses no file or connection to read. */
const isPlainAwk: WordCheck = (words) => {
  const [program, ...files] = withoutOptions(words, /^-F./, /^-F$/) ?? [];
  if (program === undefined || !isLiteral(program)) return false;
  if (/system|getline|close|fflush|ARG[VC]|SYMTAB|FUNCTAB|[|>@]/.test(program.text)) return false;
  return files.every((file) => isFile(file) && !/(^|=)\/+inet/.test(file.text));
};

/** A word that no program takes for an option. */
const isFile = ({ text, glob, expands }: ShellWord) => !expands && !/^-./.test(text) && !(glob && /^[*?[]/.test(text));

const FIND_ALONE = new Set(
  (
    '-print -print0 -prune -quit -ls -empty -readable -writable -executable -depth -xdev -mount -daystart -follow ' +
    '-true -false -not -a -and -o -or ! ( ) , -noleaf'
  ).split(' '),
);
const FIND_VALUED = new Set(
  (
    '-name -iname -path -ipath -wholename -iwholename -regex -iregex -regextype -type -xtype -size -mtime -mmin ' +
    '-atime -amin -ctime -cmin -newer -anewer -cnewer -maxdepth -mindepth -perm -user -group -uid -gid -links -inum ' +
    '-samefile -lname -ilname -fstype -used -printf'
  ).split(' '),
);

/** Tests of `find` and what it prints; its other actions delete, write files and start programs. */
const isPlainFind: WordCheck = (words) => {
  let at = 0;
  while (at < words.length && /^-([HLPEsxX]|O\d)$/.test(words[at]!.text)) at++;
  for (; at < words.length && !/^[-!(),]/.test(words[at]!.text); at++) if (!isFile(words[at]!)) return false;
  for (; at < words.length; at++) {
    const word = words[at]!;
    if (!isLiteral(word)) return false;
    if (FIND_ALONE.has(word.text)) continue;
    if (!FIND_VALUED.has(word.text) && !/^-newer[aBcmt]{2}$/.test(word.text)) return false;
    const value = words[++at];
    if (value === undefined || !isLiteral(value) || /^-[a-zA-Z]/.test(value.text)) {
      if (word.text !== '-perm') return false;
    }
  }
  return true;
};

/** What xargs appends comes from a pipe: only a program that no argument makes write may get it. */
const isPlainXargs: WordCheck = (words) => {
  const [program, ...rest] = withoutOptions(words, /^-(0|r|t|[nLP]\d+)$/, /^-[nLP]$/) ?? [];
  if (program === undefined || !isLiteral(program) || !Object.hasOwn(PLAIN_PROGRAMS, program.text)) return false;
  const rules = PLAIN_PROGRAMS[program.text]!;
  return (rules.harmless === true || program.text === 'echo') && areAllowed(rules, rest);
};

/** Programs whose arguments are more than options and operands. */
export const CHECKED_PROGRAMS: Readonly<Record<string, WordCheck>> = {
  find: isPlainFind,
  xargs: isPlainXargs,
  sed: isPlainSed,
  awk: isPlainAwk,
  test: isPlainTest,
  '[': (words) => words.at(-1)?.text === ']' && isPlainTest(words.slice(0, -1)),
  printf: ([format, ...rest]) => format !== undefined && isPlainFormat(format) && rest.every(isFile),
  // Anything but a question of what a name stands for runs it.
  command: ([option, ...names]) => /^-[vV]$/.test(option?.text ?? '') && names.every(isLiteral),
};
