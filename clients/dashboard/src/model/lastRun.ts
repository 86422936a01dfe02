import { evolveRun, initialAgentRun, isFailure, mapAt, stripMarkdown, type UnknownMap } from '@pizzapi/protocol';
import { cut } from './promptPreview.js';

/** How the last run of an idle session ended. */
export interface LastRun {
  status: 'completed' | 'failed' | 'aborted';
  /** The error of a failed run, else the agent's last text; in one line, may be empty. */
  text: string;
}

/** Reads the last run from the last events of an idle session; undefined where they have no message of the agent. */
export function lastRunOf(events: readonly UnknownMap[]): LastRun | undefined {
  const isOfAgent = (event: UnknownMap) =>
    event['type'] === 'message_end' && mapAt(event, 'message')?.['role'] === 'assistant';
  if (!events.some(isOfAgent)) return undefined;
  // The session is idle, so that its run is over even where the end is not among these events.
  const run = [...events, { type: 'agent_end' }].reduce(evolveRun, initialAgentRun());
  if (isFailure(run)) return { status: 'failed', text: oneLine(run.error ?? run.text) };
  return { status: run.status === 'aborted' ? 'aborted' : 'completed', text: oneLine(run.text) };
}

/** The first paragraph, in one line and without the marks of Markdown. */
function oneLine(text: string): string {
  const first = text.trim().split(/\n\s*\n/, 1)[0] ?? '';
  return cut(stripMarkdown(first).replace(/\s+/g, ' ').trim(), 200);
}
