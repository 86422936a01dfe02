import type { IDisposable, Terminal } from '@xterm/xterm';

/** The sequences by which a program asks the terminal something. */
const CONTROL_QUERIES = [
  { final: 'c' },
  { prefix: '>', final: 'c' },
  { prefix: '=', final: 'c' },
  { final: 'n' },
  { prefix: '?', final: 'n' },
  { intermediates: '$', final: 'p' },
  { prefix: '?', intermediates: '$', final: 'p' },
  { final: 't' },
  { prefix: '>', final: 'q' },
] as const;
const STRING_QUERY = { intermediates: '$', final: 'q' } as const;
/** Colours: the same sequence sets one, or asks for it with a question mark. */
const COLOUR_QUERIES = [4, 5, 10, 11, 12, 13, 14, 17, 19] as const;

/** A report that the terminal has got or lost the focus. It is no reply, and only the writer may send it all the same. */
// eslint-disable-next-line no-control-regex -- the escape character is what begins a report
const FOCUS_REPORT = /^\x1b\[[IO]$/;
export const isFocusReport = (data: string): boolean => FOCUS_REPORT.test(data);

/**
 * Lets a terminal answer only while `mayReply` says so. Two screens would answer twice, and a replay of old output would
 * be answered again: the shell would take the second answer for what a person has typed.
 */
export function guardReplies({ parser }: Terminal, mayReply: () => boolean): IDisposable[] {
  const isSilent = () => !mayReply();
  return [
    ...CONTROL_QUERIES.map((id) => parser.registerCsiHandler(id, isSilent)),
    parser.registerDcsHandler(STRING_QUERY, isSilent),
    ...COLOUR_QUERIES.map((id) => parser.registerOscHandler(id, (data) => data.includes('?') && isSilent())),
  ];
}
