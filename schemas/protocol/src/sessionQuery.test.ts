import { expect, it } from 'vitest';
import { initialSessionInfo } from './fold/sessionInfo.js';
import { matchesQuery } from './sessionQuery.js';

it('a search finds a session by its model in either form', () => {
  for (const model of ['openai/gpt-5', { provider: 'openai', id: 'gpt-5' }] as const) {
    const session = { ...initialSessionInfo('s1'), model };
    expect(matchesQuery(session, { q: ' OpenAI/gpt ' })).toBe(true);
    expect(matchesQuery(session, { q: 'claude' })).toBe(false);
  }
});
