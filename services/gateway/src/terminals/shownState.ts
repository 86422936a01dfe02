import { oneLine, type TerminalState, type TerminalViewer } from '@pizzapi/protocol';

/** Texts of a host are shown to people: a host may write anything. */
export function cleaned(state: TerminalState): TerminalState {
  const { writer, viewers, name, cwd } = state;
  const one = ({ viewer, name: shown }: TerminalViewer): TerminalViewer => ({ viewer, name: oneLine(shown) });
  return {
    ...state,
    ...{ name: oneLine(name), cwd: oneLine(cwd) },
    writer: writer === null ? null : one(writer),
    viewers: viewers.map(one),
  };
}
