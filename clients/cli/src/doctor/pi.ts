import { ERRORS, type ErrorInfo } from '@pizzapi/protocol';
import { isNewerPi, placePi, TESTED_VERSIONS, type PiSearch, type UnusedPi } from '@pizzapi/runner/installation';
import { fail, ok, warn, type Finding } from './finding.js';

const CHECK = 'pi version';

/** Reports which pi sessions run on, and what is wrong with the others. */
export function piFindings(search: PiSearch): Finding[] {
  if (search.kind === 'failed') return [fail(CHECK, ...adviceOf(search.error))];
  const { installation, warnings, unused } = search;
  return [
    ok(CHECK, `${placePi(installation)}${installation.isTested ? ` (tested: ${TESTED_VERSIONS})` : ''}`),
    ...warnings.map((warning) => warn(CHECK, ...adviceOf(warning))),
    ...unused
      .filter(({ why }) => !warnings.some(({ message }) => message === why.message))
      .map((pi) => ok(CHECK, `${pi.why.message}${changeText(pi, search)}`)),
  ];
}

/** Returns what would change with another pi, as a sentence that follows another one. */
export function changeText({ version }: UnusedPi, { installation }: Extract<PiSearch, { kind: 'found' }>): string {
  if (!isNewerPi(version, installation)) return '';
  return ' It is newer: sessions would have its models, thinking levels and extensions.';
}

/** Splits the message of an error into what happened and what to do. */
function adviceOf({ code, message }: ErrorInfo): [text: string, todo: string] {
  const { hint } = ERRORS[code];
  const text = message.endsWith(hint) ? message.slice(0, -hint.length).trim() : message;
  return [text.replace(/\.$/, ''), hint];
}
