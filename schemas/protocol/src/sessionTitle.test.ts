import { describe, expect, it } from 'vitest';
import { isSlashCommand, sessionTitle } from './sessionTitle.js';
import { titleOf } from './text.js';

describe('the title of a session without a name', () => {
  it.each([
    ['Fix the failing test', 'Fix the failing test'],
    ['# Fix  the\n`resume` **test**', 'Fix the resume test'],
    ['- see [the notes](https://example.com/a) first', 'see the notes first'],
    ['New goal: all tests pass', 'all tests pass'],
    ['/home/ada/notes is out of date', '/home/ada/notes is out of date'],
    [
      'After a reconnect the viewer shows the last event twice. Find out why and fix it, with a test.',
      'After a reconnect the viewer shows the last event twice. Find out why…',
    ],
    ['x'.repeat(200), `${'x'.repeat(71)}…`],
    ['ピザを焼く', 'ピザを焼く'],
  ])('made from %j is %j', (message, title) => {
    expect(sessionTitle(message)).toBe(title);
  });

  it.each(['/demo help', '/plan', '/approvals allow', '/skill:review the code', '  /goal cancel', '/demo\nhelp'])(
    'is never the slash command %j',
    (command) => {
      expect(isSlashCommand(command)).toBe(true);
      expect(sessionTitle(command)).toBe('');
      expect(titleOf({ name: '', firstPrompt: command })).toBe('New session');
    },
  );

  it('gives way to a name that a person gave', () => {
    expect(titleOf({ name: 'Oven', firstPrompt: 'Fix the failing test' })).toBe('Oven');
    expect(titleOf({ name: '/demo help', firstPrompt: 'Fix the failing test' })).toBe('/demo help');
  });
});
