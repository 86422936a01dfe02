import Type, { type Static } from 'typebox';

/** A reference to a stored blob, a payload that is too large for the log (`GET /api/sessions/:sid/blobs/:hash`). */
export const BlobRef = Type.Object({
  /** SHA-256 of the bytes, as 64 hex digits. */
  blob: Type.String({ pattern: '^[0-9a-f]{64}$' }),
  /** Bytes. */
  size: Type.Number({ minimum: 0 }),
  mediaType: Type.String(),
});

/** The address of a blob, below the address of the gateway. */
export const blobPath = (sid: string, hash: string): string => `/api/sessions/${sid}/blobs/${hash}`;

/** A blob and the JSON pointer of its place in the event. The event holds a short preview there. */
export const PlacedBlob = Type.Object({ path: Type.String(), ...BlobRef.properties });

const TextBlock = Type.Object({ type: Type.Literal('text'), text: Type.String() });
const ThinkingBlock = Type.Object({ type: Type.Literal('thinking'), thinking: Type.String() });
const ImageBlock = Type.Object({
  type: Type.Literal('image'),
  /** Base64; empty when the image is a blob. */
  data: Type.String(),
  mimeType: Type.String(),
});
const ToolCallBlock = Type.Object({
  type: Type.Literal('toolCall'),
  id: Type.String(),
  name: Type.String(),
  arguments: Type.Record(Type.String(), Type.Unknown()),
});

/** A block of a message, in pi's form. Blocks of other kinds are stored and shown unchanged. */
export const ContentBlock = Type.Union([
  TextBlock,
  ThinkingBlock,
  ImageBlock,
  ToolCallBlock,
  Type.Object({ type: Type.String() }),
]);

/**
 * One message of the conversation, in pi's form: `user`, `assistant`, `toolResult`, and pi's own roles
 * (`bashExecution`, `custom`, `branchSummary`, `compactionSummary`). Additional fields are kept unchanged.
 */
export const AgentMessage = Type.Object({
  role: Type.String(),
  content: Type.Optional(Type.Union([Type.String(), Type.Array(ContentBlock)])),
  timestamp: Type.Optional(Type.Number()),
});

export type BlobRef = Static<typeof BlobRef>;
export type PlacedBlob = Static<typeof PlacedBlob>;
export type ContentBlock = Static<typeof ContentBlock>;
export type AgentMessage = Static<typeof AgentMessage>;
