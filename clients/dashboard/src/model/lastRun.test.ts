import { describe, expect, it } from 'vitest';
import { lastRunOf } from './lastRun.js';

describe('the last run of a session', () => {
  const said = (role: string, text: string, fields: object = {}) => ({
    type: 'message_end',
    message: {
      role,
      content: [
        { type: 'thinking', thinking: 'hm' },
        { type: 'text', text },
      ],
      ...fields,
    },
  });

  it('is read from the last events of its log, with the last text of the agent', () => {
    const events = [
      said('assistant', 'first'),
      said('assistant', '## It is\n  **done**.\n\nMore'),
      said('user', 'thanks'),
    ];
    expect(lastRunOf(events)).toMatchObject({ text: 'It is done.', status: 'completed' });
    expect(lastRunOf([said('assistant', '', { stopReason: 'aborted' })])).toMatchObject({ status: 'aborted' });
    const newer = [{ type: 'agent_start' }, said('assistant', 'second')];
    expect(lastRunOf([said('assistant', 'first'), ...newer])).toMatchObject({ text: 'second' });
    const failed = said('assistant', '', { stopReason: 'error', errorMessage: 'Overloaded' });
    expect(lastRunOf([failed])).toMatchObject({ error: 'Overloaded', status: 'failing' });
    expect(lastRunOf([said('user', 'hi')])).toBeUndefined();
  });
});
