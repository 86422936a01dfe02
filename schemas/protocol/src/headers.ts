/** The headers of a message on the backbone (docs/protocol/log.md). */
export const HEADER = {
  msgId: 'Nats-Msg-Id',
  type: 'Pizzapi-Type',
  epoch: 'Pizzapi-Epoch',
  n: 'Pizzapi-N',
  contentType: 'Content-Type',
} as const;

export const CONTENT_TYPE = 'application/msgpack';

/**
 * Returns `<sid>.<epoch>.<n>`: the session, the epoch of the writer and the writer's count. The same event always has
 * the same id.
 */
export function eventMessageId(sid: string, epoch: number, n: number): string {
  return `${sid}.${epoch}.${n}`;
}

/** The inverse of `eventMessageId`. Returns undefined for any other id. */
export function parseEventMessageId(id: string): { sid: string; epoch: number; n: number } | undefined {
  const match = /^([A-Za-z0-9_-]{1,64})\.(\d{1,15})\.(\d{1,15})$/.exec(id);
  return match === null ? undefined : { sid: match[1]!, epoch: Number(match[2]), n: Number(match[3]) };
}
