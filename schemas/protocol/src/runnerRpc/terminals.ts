import Type, { type Static } from 'typebox';
import { ID_PATTERN } from '../ids.js';
import {
  MAX_TERMINAL_INPUT_BYTES,
  MAX_TERMINAL_VIEWERS,
  TERMINAL_ID_PATTERN,
  TerminalCols,
  TerminalExit,
  TerminalRows,
  TerminalState,
  TerminalViewer,
} from '../terminals.js';
import { HostPath, method, PAGE_MESSAGE_BYTES, reply, request, SessionRef } from './method.js';

/**
 * Terminals on a host. People use one over `/ws/terminals/:tid`; the requests here open, list, name and end terminals, and
 * let a program read and write one without a WebSocket.
 */
const TerminalId = Type.String({ pattern: TERMINAL_ID_PATTERN });
const Name = Type.String({ minLength: 1, maxLength: 100, pattern: '^[^\\u0000-\\u001f\\u007f]*$' });
const Offset = Type.Integer({ minimum: 0 });
/** The viewer for which the request is. Missing: a program without a WebSocket, which may write while the keyboard is free. */
const Viewer = Type.String({ pattern: ID_PATTERN });
const InputBytes = Type.String({
  maxLength: Math.ceil(MAX_TERMINAL_INPUT_BYTES / 3) * 4,
  pattern: '^[A-Za-z0-9+/]*={0,2}$',
});

/** A terminal in a list. */
export const TerminalInfo = Type.Object({
  terminalId: Type.String(),
  name: Type.String(),
  cwd: Type.String(),
  cols: Type.Integer(),
  rows: Type.Integer(),
  /** ms since epoch. */
  openedAt: Type.Number(),
  /** When a person last watched it, ms since epoch. */
  usedAt: Type.Number(),
  /** The session in whose folder it was opened. */
  sessionId: Type.Optional(Type.String()),
  writer: Type.Union([TerminalViewer, Type.Null()]),
  viewers: Type.Integer(),
  /** Bytes of output so far. */
  head: Offset,
  /** The shell has ended. */
  exit: Type.Optional(TerminalExit),
});
export type TerminalInfo = Static<typeof TerminalInfo>;

const part = { kind: 'part' } as const;
const common = { right: 'terminals', timeoutMs: 10_000 } as const;

export const TERMINAL_METHODS = {
  new_terminal: method({
    summary: 'Opens a terminal on the host',
    request: request({
      /** Within the roots. Missing: the folder of the session, or the first root. */
      cwd: Type.Optional(HostPath),
      sessionId: Type.Optional(SessionRef),
      cols: TerminalCols,
      rows: TerminalRows,
      name: Type.Optional(Name),
    }),
    reply: reply({ terminalId: Type.String(), name: Type.String(), cwd: Type.String() }),
    ...common,
    timeoutMs: 25_000,
    changes: {
      kind: 'audited',
      did: 'opened a terminal',
      what: ({ cwd, sessionId }) => ({
        ...(cwd === undefined ? {} : { cwd }),
        ...(sessionId === undefined ? {} : { sessionId }),
      }),
    },
  }),
  list_terminals: method({
    summary: 'The terminals of the host, the newest first',
    request: request({}),
    reply: reply({ terminals: Type.Array(TerminalInfo) }),
    ...common,
  }),
  terminal_output: method({
    summary: 'Output of a terminal that is kept',
    request: request({ terminalId: TerminalId, after: Type.Optional(Offset) }),
    /** `bytes` end at byte `n`, and begin after `after`, or after `first` where that is greater. */
    reply: reply({ first: Offset, head: Offset, n: Offset, bytes: Type.String() }),
    ...common,
    maxReplyBytes: PAGE_MESSAGE_BYTES,
  }),
  terminal_input: method({
    summary: 'Writes to a terminal',
    request: request({ terminalId: TerminalId, bytes: InputBytes, viewer: Type.Optional(Viewer) }),
    reply: reply({}),
    ...common,
    maxRequestBytes: 128 * 1024,
    changes: part,
    urgent: true,
  }),
  terminal_resize: method({
    summary: 'Changes the size of a terminal',
    request: request({
      terminalId: TerminalId,
      cols: TerminalCols,
      rows: TerminalRows,
      viewer: Type.Optional(Viewer),
    }),
    reply: reply({}),
    ...common,
    changes: part,
    urgent: true,
  }),
  rename_terminal: method({
    summary: 'Gives a terminal another name',
    request: request({ terminalId: TerminalId, name: Name }),
    reply: reply({}),
    ...common,
    changes: part,
  }),
  kill_terminal: method({
    summary: 'Ends a terminal with all its processes',
    request: request({ terminalId: TerminalId }),
    reply: reply({}),
    ...common,
    changes: { kind: 'audited', did: 'ended a terminal', what: ({ terminalId }) => ({ target: terminalId }) },
    urgent: true,
  }),
  take_keyboard: method({
    summary: 'Gives the keyboard of a terminal to a viewer',
    request: request({ terminalId: TerminalId, viewer: Viewer }),
    reply: reply({}),
    ...common,
    changes: {
      kind: 'audited',
      did: 'took the keyboard of a terminal',
      what: ({ terminalId }) => ({ target: terminalId }),
    },
    urgent: true,
    gatewayOnly: true,
  }),
  watch_terminal: method({
    summary: 'Who watches a terminal at this gateway, and how far the writer has got',
    request: request({
      terminalId: TerminalId,
      /** Names the gateway, and its process. */
      gateway: Viewer,
      /** All its viewers. None: it watches no longer. Sent again at least every 10 s. */
      viewers: Type.Array(TerminalViewer, { maxItems: MAX_TERMINAL_VIEWERS }),
      /** The bytes of output that the writer has taken; of the viewer that has taken most where the writer is elsewhere. */
      taken: Type.Optional(Offset),
    }),
    reply: TerminalState,
    ...common,
    changes: part,
    urgent: true,
    gatewayOnly: true,
  }),
};
