import { shorten, visibleText, type Author, type ErrorInfo } from '@pizzapi/protocol';
import { bylineOf, type Viewpoint } from './author.js';

/** How something that waited for a person came to its end, as the log says it. */
export interface Resolution {
  outcome: 'answered' | 'cancelled' | 'timed_out' | 'settled';
  by?: Author | undefined;
  value?: unknown;
}

/** What is said of it for a moment where it was asked. */
export interface PromptOutcomeNotice {
  id: string;
  title: string;
  tone: 'good' | 'plain' | 'bad';
  text: string;
}

/** What became of an answer that was given on this page. */
export type OwnAnswer =
  { kind: 'pending' } | { kind: 'delivered'; value: unknown } | { kind: 'refused'; error: ErrorInfo };

/** Says how a prompt came to its end: by this page's answer, by another's, by nobody's. */
export function settledText(
  resolution: Resolution | undefined,
  given: OwnAnswer | undefined,
  reader: Viewpoint,
): Pick<PromptOutcomeNotice, 'tone' | 'text'> {
  if (given?.kind === 'refused') return { tone: 'bad', text: lateText(resolution, given.error, reader) };
  if (given?.kind === 'pending') return { tone: 'plain', text: 'Your answer is on its way.' };
  if (given?.kind === 'delivered') {
    const said = given.value === undefined ? 'Closed without an answer.' : `Delivered${quoted(given.value)}.`;
    return { tone: 'good', text: said };
  }
  const who = resolver(resolution, reader);
  switch (resolution?.outcome) {
    case 'answered':
      return {
        tone: 'plain',
        text: `${who?.name ?? 'Another person'} answered${who?.where ?? ''}${quoted(resolution.value)}.`,
      };
    case 'timed_out':
      return { tone: 'bad', text: 'Expired without an answer.' };
    case 'cancelled':
      if (who !== undefined) return { tone: 'plain', text: `${who.name} closed it${who.where} without an answer.` };
  }
  return { tone: 'plain', text: 'Closed: the agent no longer waits for an answer.' };
}

function lateText(resolution: Resolution | undefined, error: ErrorInfo, reader: Viewpoint): string {
  if (error.code !== 'dialog_late' && error.code !== 'dialog_unknown') return `Not delivered: ${error.message}`;
  const { name, where } = resolver(resolution, reader) ?? { name: 'another person', where: '' };
  const who = name === 'You' ? 'you' : name;
  if (resolution?.outcome === 'answered') return `Too late: ${who} already answered${where}.`;
  if (resolution?.outcome === 'timed_out') return 'Too late: it had expired.';
  if (resolution?.outcome === 'cancelled' && name !== 'another person') return `Too late: ${who} closed it${where}.`;
  return 'Too late: the agent no longer waits for an answer.';
}

/** People are named; what the host did by itself was done by nobody. */
function resolver(resolution: Resolution | undefined, reader: Viewpoint): { name: string; where: string } | undefined {
  const by = resolution?.by;
  if (by === undefined || by.via === 'system') return undefined;
  const said = bylineOf(by, reader);
  if (said === undefined) return { name: 'You', where: ' on another screen' };
  return { name: said.name, where: said.channel === 'terminal' ? ' in a terminal' : '' };
}

/** Characters of an answer that are repeated. */
const SHOWN = 60;
const WORDS: Readonly<Record<string, string>> = {
  approve: 'approved',
  cancel: 'cancelled',
  reject: 'cancelled',
  session: 'allowed in this session',
  folder: 'allowed in this folder',
  deny: 'denied',
};

/** An answer in words, for the log's reader; undefined where it says nothing. */
export function answerText(value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'boolean') return value ? 'Yes' : 'No';
  if (Array.isArray(value)) return value.map((one) => visibleText(String(one))).join(' · ');
  if (typeof value === 'object') {
    const { action, reason } = value as { action?: unknown; reason?: unknown };
    if (action === 'edit') return 'approved with edits';
    return action === 'deny' && typeof reason === 'string' ? `denied: ${visibleText(reason)}` : undefined;
  }
  if (typeof value !== 'string') return JSON.stringify(value);
  return WORDS[value] ?? visibleText(value);
}

function quoted(value: unknown): string {
  const text = answerText(value);
  if (text === undefined || text === '') return '';
  return `: “${shorten(text, SHOWN)}”`;
}
