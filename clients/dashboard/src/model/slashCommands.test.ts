import { expect, it } from 'vitest';
import { offeredCommands, slashCommands } from './slashCommands.js';

const names = (text: string, session: { owns: boolean; model: string }) =>
  offeredCommands(text, slashCommands(session)).map(({ name }) => name);
const OWNER = { owns: true, model: 'anthropic/claude' };

it('a slash offers the commands of the session, and each further letter fewer of them', () => {
  expect(names('/', OWNER)).toEqual(['/plan', '/goal', '/approvals', '/delink']);
  expect(names('/p', OWNER)).toEqual(['/plan']);
  expect(names('/demo t', { owns: true, model: 'demo/demo' })).toEqual(['/demo thinking', '/demo todo']);
});

it('a text with more than a command, or with none, offers nothing', () => {
  expect(['', 'a /', '/plan on', '/etc/passwd'].flatMap((text) => names(text, OWNER))).toEqual([]);
});

it('a guest is offered no commands that have no effect for guests', () => {
  expect(names('/', { owns: false, model: 'anthropic/claude' })).toEqual([]);
});
