import { modelText, type SessionInfo } from '@pizzapi/protocol';

/** Whether the pages of the list fail. */
export const PAGES = { fail: false, asked: [] as string[] };

/** The list of sessions as a gateway sends it that has more than one page: the latest active first. */
export function pageOfSessions(
  sessions: readonly SessionInfo[],
  parameters: URLSearchParams,
  size: number,
): { sessions: SessionInfo[]; cursor?: string } {
  const [q, state, runner] = ['q', 'state', 'runner'].map((name) => parameters.get(name));
  const found = sessions
    .filter((session) => state == null || (state === 'live' ? session.state !== 'ended' : session.state === state))
    .filter((session) => runner == null || session.runnerId === runner)
    .filter(({ name, firstPrompt, cwd, model, sessionId }) =>
      [name, firstPrompt, cwd, modelText(model), sessionId].some((text) =>
        text?.toLowerCase().includes(q?.toLowerCase() ?? ''),
      ),
    )
    .sort((a, b) => b.lastActivityAt - a.lastActivityAt);
  const from = Number(parameters.get('cursor') ?? 0);
  const to = from + Number(parameters.get('limit') ?? size);
  return { sessions: found.slice(from, to), ...(to < found.length ? { cursor: String(to) } : {}) };
}
