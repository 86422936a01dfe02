import Type, { type Static } from 'typebox';
import { checker } from './check.js';
import { ID_PATTERN } from './ids.js';

/**
 * Deltas of open messages and of tool output, on `session.<sid>.deltas`. They are not stored and have no offset. `n` is
 * contiguous for each session, so that a reader detects a gap and requests a snapshot (`partial`).
 */
const base = { at: Type.Number(), n: Type.Number() };
const Id = Type.String({ pattern: ID_PATTERN });
const block = { messageId: Id, index: Type.Number() };

export const DELTA_SCHEMAS = {
  text_delta: Type.Object({ type: Type.Literal('text_delta'), ...base, ...block, text: Type.String() }),
  thinking_delta: Type.Object({ type: Type.Literal('thinking_delta'), ...base, ...block, text: Type.String() }),
  toolcall_delta: Type.Object({
    type: Type.Literal('toolcall_delta'),
    ...base,
    ...block,
    toolCallId: Type.String(),
    toolName: Type.String(),
    json: Type.String(),
  }),
  tool_output_delta: Type.Object({
    type: Type.Literal('tool_output_delta'),
    ...base,
    toolCallId: Type.String(),
    text: Type.String(),
  }),
} as const;

export const SessionDelta = Type.Union(Object.values(DELTA_SCHEMAS));
export type SessionDelta = {
  [K in keyof typeof DELTA_SCHEMAS]: Static<(typeof DELTA_SCHEMAS)[K]>;
}[keyof typeof DELTA_SCHEMAS];
/** A delta that the writer has not numbered yet. */
export type UnnumberedDelta = SessionDelta extends infer D ? (D extends SessionDelta ? Omit<D, 'n'> : never) : never;

/** The open messages and running tools of a session, as of delta `n`. Deltas with a higher `n` continue it. */
export const SessionPartial = Type.Object({
  n: Type.Number(),
  open: Type.Array(
    Type.Object({
      messageId: Id,
      role: Type.Optional(Type.String()),
      blocks: Type.Array(
        Type.Union([
          Type.Object({ index: Type.Number(), kind: Type.Literal('text'), text: Type.String() }),
          Type.Object({ index: Type.Number(), kind: Type.Literal('thinking'), text: Type.String() }),
          Type.Object({
            index: Type.Number(),
            kind: Type.Literal('toolCall'),
            toolCallId: Type.String(),
            toolName: Type.String(),
            json: Type.String(),
          }),
        ]),
      ),
    }),
  ),
  /** The output so far of the running tools; the last 64 KiB of each. */
  tools: Type.Array(Type.Object({ toolCallId: Type.String(), text: Type.String() })),
});
export type SessionPartial = Static<typeof SessionPartial>;

export const isSessionDelta = checker(SessionDelta);
export const isSessionPartial = checker(SessionPartial);
