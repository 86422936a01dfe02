import { CodedError, commandLine, shorten, type ErrorCode } from '@pizzapi/protocol';

/** Characters of git's own message in an error. */
const MAX_MESSAGE_CHARS = 600;

/** What git prints, in English, and the code of it. The first that fits counts. */
const KNOWN: readonly (readonly [RegExp, ErrorCode])[] = [
  [/not a git repository/, 'git_no_repository'],
  [/Unable to create '.*\.lock'|cannot lock ref|could not lock config|index file open failed/, 'git_locked'],
  [/Please tell me who you are|empty ident name|unable to auto-detect email|no email was given/, 'git_no_identity'],
  [/(clean|smudge) filter '.*' failed|external filter '.*' failed/, 'git_needs_programs'],
  [
    /could not read (Username|Password)|terminal prompts disabled|Authentication failed|Permission denied \(publickey|transport '.*' not allowed|gpg failed to sign|failed to sign|lazy fetching disabled|promisor remote|Host key verification failed/,
    'git_needs_terminal',
  ],
  [/patch does not apply|is unmerged|CONFLICT|Automatic merge failed/, 'git_conflict'],
];

/** The failure of a call of git as an error with a code, with the lines that git printed. */
export function gitError(
  { args, cwd }: { args: readonly string[]; cwd: string },
  { code, stdout, stderr }: { code: number; stdout: Buffer; stderr: string },
): CodedError {
  const said = messageOf(stderr) || messageOf(stdout.subarray(0, 4_096).toString('utf8'));
  const known = KNOWN.find(([pattern]) => pattern.test(stderr) || pattern.test(said))?.[1] ?? 'git_failed';
  const command = commandLine(['git', '-C', cwd, ...args.filter((word) => !word.startsWith('--git-dir'))]);
  const what = said === '' ? `git ended with code ${code}` : said;
  return new CodedError(known, known === 'git_needs_terminal' ? `${what}. Run: ${command}` : what);
}

/** The lines of a message of git, without the words in front that say how bad it is. */
function messageOf(text: string): string {
  const lines = text
    .split('\n')
    .map((line) => line.replace(/^(fatal|error|warning|hint): ?/, '').trim())
    .filter((line) => line !== '' && !line.startsWith('usage:'));
  // The address of a remote may have a password in it.
  const said = lines
    .slice(0, 8)
    .join(' ')
    .replace(/:\/\/[^\s/@]+@/g, '://');
  return shorten(said, MAX_MESSAGE_CHARS);
}
