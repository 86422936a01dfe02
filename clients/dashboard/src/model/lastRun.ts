import { evolveRun, initialAgentRun, mapAt, stripMarkdown, type AgentRun, type UnknownMap } from '@pizzapi/protocol';
import { cut } from './promptPreview.js';

/**
 * Reads the last run from the last events of an idle session; undefined where they have no message of the agent. Its text
 * and its error are one line.
 */
export function lastRunOf(events: readonly UnknownMap[]): AgentRun | undefined {
  const isOfAgent = (event: UnknownMap) =>
    event['type'] === 'message_end' && mapAt(event, 'message')?.['role'] === 'assistant';
  if (!events.some(isOfAgent)) return undefined;
  // The session is idle, so that its run is over even where the end is not among these events.
  const { text, error, ...run } = [...events, { type: 'agent_end' }].reduce(evolveRun, initialAgentRun());
  return { ...run, text: oneLine(text), ...(error === undefined ? {} : { error: oneLine(error) }) };
}

/** The first paragraph, in one line and without the marks of Markdown. */
function oneLine(text: string): string {
  const first = text.trim().split(/\n\s*\n/, 1)[0] ?? '';
  return cut(stripMarkdown(first).replace(/\s+/g, ' ').trim(), 200);
}
