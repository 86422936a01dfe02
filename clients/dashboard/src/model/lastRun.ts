import {
  evolveRun,
  initialAgentRun,
  mapAt,
  oneLine,
  shorten,
  stripMarkdown,
  type AgentRun,
  type UnknownMap,
} from '@pizzapi/protocol';

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
  return { ...run, text: lineOf(text), ...(error === undefined ? {} : { error: lineOf(error) }) };
}

/** The first paragraph, in one line and without the marks of Markdown. */
function lineOf(text: string): string {
  const first = text.trim().split(/\n\s*\n/, 1)[0] ?? '';
  return shorten(oneLine(stripMarkdown(first)), 200);
}
