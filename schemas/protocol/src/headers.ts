/** The headers of a message on the backbone (PROTOCOL.md, "Headers"). */
export const HEADER = {
  msgId: 'Nats-Msg-Id',
  type: 'Pizzapi-Type',
  epoch: 'Pizzapi-Epoch',
  n: 'Pizzapi-N',
  contentType: 'Content-Type',
} as const;

export const CONTENT_TYPE = 'application/msgpack';

/** `<sid>.<epoch>.<n>`: who wrote an event, as its host counted it. The same event always has the same id. */
export function eventMessageId(sid: string, epoch: number, n: number): string {
  return `${sid}.${epoch}.${n}`;
}

/** The inverse of `eventMessageId`, or undefined for an id of another making. */
export function parseEventMessageId(id: string): { sid: string; epoch: number; n: number } | undefined {
  const match = /^([A-Za-z0-9_-]{1,64})\.(\d{1,15})\.(\d{1,15})$/.exec(id);
  return match === null ? undefined : { sid: match[1]!, epoch: Number(match[2]), n: Number(match[3]) };
}
