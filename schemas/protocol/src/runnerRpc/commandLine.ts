import { shellWord } from '../shellWord.js';
import { shorten } from '../text.js';

/** Characters of a command in the audit log. */
const MAX_COMMAND_CHARS = 500;
/** Arguments that are looked at: a command line may be long. */
const MAX_ARGUMENTS = 200;

/** Returns a command as a person would type it, shortened. */
export function commandLine(argv: readonly string[]): string {
  const words = argv.slice(0, MAX_ARGUMENTS).map((word) => shellWord(word.slice(0, MAX_COMMAND_CHARS)));
  return shorten(words.join(' '), MAX_COMMAND_CHARS);
}
