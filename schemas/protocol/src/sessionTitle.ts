import { visibleLine } from './foreignText.js';
import { stripMarkdown } from './stripMarkdown.js';

/** The longest title that is made from a message, in characters. */
const TITLE_LENGTH = 72;
/** A word that a cut may split, in characters: a longer one is no word that people read. */
const LONGEST_WORD = 24;

/**
 * Returns whether a message is a command of the agent or of an extension, such as `/demo help`. The path of a file below a
 * folder, such as `/home/ada/notes`, is not a slash command.
 */
export function isSlashCommand(text: string): boolean {
  return /^\s*\/[\p{L}\p{N}][\p{L}\p{N}_:.-]*(\s|$)/u.test(text);
}

/**
 * Makes the title of a session from a message: one line without Markdown, cut between words. Empty for a slash command,
 * which says nothing about the work, and for a text without anything to read.
 */
export function sessionTitle(message: string): string {
  if (isSlashCommand(message)) return '';
  const line = visibleLine(stripMarkdown(visibleLine(message)));
  return cutBetweenWords(line.replace(/^(New goal:|[-+•>#]|\d{1,2}[.)])\s+/u, ''));
}

function cutBetweenWords(line: string): string {
  const characters = [...line];
  if (characters.length <= TITLE_LENGTH) return line;
  const start = characters.slice(0, TITLE_LENGTH - 1).join('');
  const end = start.search(/\s+\S*$/u);
  const isInWord = !/\s/u.test(characters[TITLE_LENGTH - 1]!);
  const cut = isInWord && end > start.length - LONGEST_WORD ? start.slice(0, end) : start;
  return `${cut.replace(/[\s,;:.\-–(]+$/u, '')}…`;
}
