import { initialSessionInfo } from '@pizzapi/protocol';
import { describe, expect, it } from 'vitest';
import { table } from './sessions.js';

describe('the list of sessions', () => {
  it('the list of sessions has one row for each session, in columns, with its name', () => {
    const rows = table(
      [
        {
          ...initialSessionInfo('abc'),
          state: 'working',
          model: 'demo/demo',
          cwd: '/work',
          firstPrompt: 'fix\nit',
          lastActivityAt: 0,
        },
        { ...initialSessionInfo('de'), host: 'lost', name: 'named', lastActivityAt: 0 },
      ],
      3 * 3_600_000,
      { colour: false },
    );
    expect(rows).toEqual([
      'SESSION  STATE      ACTIVE  MODEL      FOLDER  NAME',
      'abc      working    3h      demo/demo  /work   fix it',
      'de       host lost  3h                         named',
    ]);
  });
});
