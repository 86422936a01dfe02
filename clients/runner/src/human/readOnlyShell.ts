import { cutText } from '@pizzapi/protocol';
import { CHECKED_PROGRAMS } from './commandChecks.js';
import { areAllowed } from './optionRules.js';
import { isReadOnlyGit } from './readOnlyGit.js';
import { INSTALLED_PROGRAMS, PLAIN_PROGRAMS } from './readOnlyPrograms.js';
import { parseShell, type ShellWord } from './shellParser.js';

/**
 * Which bash commands change nothing: lists of programs, of their sub-commands and of the options that they may have.
 * What is not on a list counts as a change.
 */
export type ReadOnly =
  /** `guarded`: only where `readOnlyRun.ts` runs it, which switches off what the folder would have the programs do. */
  { readOnly: true; guarded: boolean } | { readOnly: false; why: string };

type Reads = 'plain' | 'guarded' | undefined;

/** Whether one simple command only reads. */
function readsOf([name, ...args]: readonly ShellWord[]): Reads {
  if (name === undefined || name.glob || name.expands) return undefined;
  const program = name.text;
  if (program === 'git') return isReadOnlyGit(args) ? 'guarded' : undefined;
  if (Object.hasOwn(CHECKED_PROGRAMS, program)) return CHECKED_PROGRAMS[program]!(args) ? 'plain' : undefined;
  if (Object.hasOwn(PLAIN_PROGRAMS, program)) return areAllowed(PLAIN_PROGRAMS[program]!, args) ? 'plain' : undefined;
  if (!Object.hasOwn(INSTALLED_PROGRAMS, program)) return undefined;
  return areAllowed(INSTALLED_PROGRAMS[program]!, args) ? 'guarded' : undefined;
}

/** Whether one simple command only reads wherever it runs. */
export const onlyReadsAnywhere = (words: readonly ShellWord[]): boolean => readsOf(words) === 'plain';

/** Whether a bash script only reads, and if not, what in it does not look so. */
export function checkReadOnly(script: string): ReadOnly {
  const parsed = parseShell(script);
  if (parsed.kind === 'opaque') return { readOnly: false, why: `it holds ${parsed.why}` };
  let guarded = false;
  for (const words of parsed.commands) {
    const reads = readsOf(words);
    if (reads === undefined) return { readOnly: false, why: `"${shown(words)}" is not known to only read` };
    guarded ||= reads === 'guarded';
  }
  return { readOnly: true, guarded };
}

function shown(words: readonly ShellWord[]): string {
  const text = words.map((word) => word.text).join(' ');
  return text.length > 80 ? `${cutText(text, 80)}…` : text;
}
