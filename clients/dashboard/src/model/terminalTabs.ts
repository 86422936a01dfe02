import type { TerminalInfo } from '@pizzapi/protocol';

/**
 * Divides the terminals of a host: those that stand as tabs, and the others, which a menu holds. Beside a session the
 * tabs are its own terminals and those that were opened there; on the page of the host all are tabs.
 */
export function dividedTerminals(
  terminals: readonly TerminalInfo[],
  sessionId: string | undefined,
  opened: ReadonlySet<string>,
): { tabs: readonly TerminalInfo[]; others: readonly TerminalInfo[] } {
  const oldestFirst = [...terminals].sort((a, b) => a.openedAt - b.openedAt);
  const isTab = (one: TerminalInfo) =>
    sessionId === undefined || one.sessionId === sessionId || opened.has(one.terminalId);
  return { tabs: oldestFirst.filter(isTab), others: oldestFirst.filter((one) => !isTab(one)) };
}

/** The terminal that is shown after one has gone: the one beside it. */
export function neighbour(tabs: readonly TerminalInfo[], terminalId: string): string | undefined {
  const at = tabs.findIndex((one) => one.terminalId === terminalId);
  return (tabs[at + 1] ?? tabs[at - 1])?.terminalId;
}
