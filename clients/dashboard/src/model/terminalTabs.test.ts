import type { TerminalInfo } from '@pizzapi/protocol';
import { expect, it } from 'vitest';
import { dividedTerminals, neighbour } from './terminalTabs.js';

const terminal = (terminalId: string, openedAt: number, sessionId?: string): TerminalInfo => ({
  ...{ terminalId, name: terminalId, cwd: '/', cols: 80, rows: 24, openedAt, usedAt: openedAt },
  ...{ writer: null, viewers: 0, head: 0, ...(sessionId === undefined ? {} : { sessionId }) },
});
const ALL = [terminal('c', 3, 's1'), terminal('b', 2), terminal('a', 1, 's1')];
const ids = (list: readonly TerminalInfo[]) => list.map(({ terminalId }) => terminalId);

it('beside a session its own terminals are tabs, with those that were opened there', () => {
  const { tabs, others } = dividedTerminals(ALL, 's1', new Set());
  expect([ids(tabs), ids(others)]).toEqual([['a', 'c'], ['b']]);
  expect(ids(dividedTerminals(ALL, 's1', new Set(['b'])).tabs)).toEqual(['a', 'b', 'c']);
});

it('on the page of a host every terminal is a tab, the oldest first', () => {
  expect(ids(dividedTerminals(ALL, undefined, new Set()).tabs)).toEqual(['a', 'b', 'c']);
});

it('when a terminal has gone the one beside it is shown', () => {
  const { tabs } = dividedTerminals(ALL, undefined, new Set());
  expect([neighbour(tabs, 'b'), neighbour(tabs, 'c'), neighbour(tabs.slice(0, 1), 'a')]).toEqual(['c', 'b', undefined]);
});
