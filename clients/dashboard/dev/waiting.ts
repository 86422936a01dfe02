import type { SessionInfo, SessionMetaState } from '@pizzapi/protocol';

/** What sessions of the scene `waiting` ask. */
export const ASKING: Readonly<Record<string, Partial<SessionMetaState>>> = {
  question: {
    pendingQuestion: {
      toolCallId: 'q1',
      questions: [
        {
          question: 'Which database should the projector write its rows to?',
          options: ['NATS key-value bucket', 'SQLite beside the process', 'Postgres'],
        },
      ],
    },
  },
  approval: {
    pendingApproval: {
      promptId: 'a1',
      title: 'Allow this command?',
      toolName: 'bash',
      fields: [{ key: 'command', label: 'command', value: 'git push --force-with-lease origin release/2.4' }],
      actions: [
        { id: 'approve', label: 'Allow once', style: 'primary' },
        { id: 'session', label: 'Allow in this session: git push' },
        { id: 'folder', label: 'Always allow in this folder: git push' },
        { id: 'deny', label: 'Deny', style: 'danger' },
      ],
    },
  },
  plan: {
    pendingPlan: {
      toolCallId: 'p1',
      title: 'Move the settings to one page each',
      description: 'Every page of settings gets an address of its own, so that it can be linked to.',
      steps: [
        { title: 'Give each page a route' },
        { title: 'Load the settings on demand' },
        { title: 'Keep the old addresses as redirects' },
        { title: 'Move the tests' },
        { title: 'Write it into the README' },
      ],
    },
  },
};

/** Sessions that wait for the person, all of one runner. */
export function waitingSessions(like: SessionInfo): SessionInfo[] {
  const at = (minutes: number) => like.lastActivityAt - minutes * 60_000;
  const one = (sessionId: string, name: string, id: string, minutes: number): SessionInfo => ({
    ...{ ...like, sessionId, name, state: 'waiting', busy: true, waiting: [id], lastActivityAt: at(minutes) },
  });
  return [
    one('approval', 'Release 2.4', 'a1', 12),
    one('question', 'Choose a store for the projections', 'q1', 47),
    one('plan', 'Tidy up the settings of the dashboard', 'p1', 2),
  ];
}
