import { expect, it } from 'vitest';
import { sessionsText } from './sessionsText.js';

it('a host with more sessions than are awake at once does not look as if it had too many', () => {
  const sessions = Array.from({ length: 40 }, (_, at) => `s_${at}`);
  expect(sessionsText({ sessions, maxSessions: 16 })).toBe('40, at most 16 awake at once');
});
