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

  it('the list of sessions shows names without colours, turned text and invisible characters', () => {
    const names = ['\x1b[31mred\x1b[0m', 'a\u202etxt.exe', '\u200b\u2060', 'x\u2028y', 'שלום'];
    const rows = table(
      names.map((name) => ({ ...initialSessionInfo('s'), name, firstPrompt: 'first', lastActivityAt: 0 })),
      0,
      { colour: false },
    );
    const shown = rows.slice(1).map((row) => row.trim().split(/ {2,}/).at(-1));
    expect(shown).toEqual(['red', 'atxt.exe', 'first', 'x y', '\u2068שלום\u2069']);
  });
});
