import type { Msg, MsgHdrs } from '@nats-io/nats-core';
import type { MsgImpl } from '@nats-io/nats-core/internal';
import { BoundedMap, HEADER, parseTraceContext, TRACE_FIELDS, traceFields, type TraceContext } from '@pizzapi/protocol';

/**
 * Messages as they are on the wire. The client's own header class splits, trims and stores every header in a map of
 * arrays; on the hot paths we need two numbers of ten headers, so the block is kept as one string and looked into.
 */

/** Headers the server adds. They come last in the block, so a copy smuggled in by a publisher is never read. */
export const SERVER_HEADER = {
  subject: 'Nats-Subject',
  sequence: 'Nats-Sequence',
  lastSequence: 'Nats-Last-Sequence',
  timeStamp: 'Nats-Time-Stamp',
  pending: 'Nats-Num-Pending',
} as const;

const EMPTY = new Uint8Array(0);

const asBuffer = (bytes: Uint8Array): Buffer =>
  Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** The header block of a message as text; empty without headers. */
export function headerText(msg: Msg): string {
  const { _msg, _rdata } = msg as MsgImpl;
  return _msg.hdr > 0 ? asBuffer(_rdata).toString('latin1', 0, _msg.hdr) : '';
}

/** The message's payload: a view, not a copy. */
export function payloadOf(msg: Msg): Uint8Array {
  const { _msg, _rdata } = msg as MsgImpl;
  return _rdata === undefined ? EMPTY : _msg.hdr > 0 ? _rdata.subarray(_msg.hdr) : _rdata;
}

/** Whether a message has no headers and a msgpack map for a payload. */
export function isBareMap(msg: Msg): boolean {
  const { _msg, _rdata } = msg as MsgImpl;
  const first = _msg.hdr > 0 ? 0 : (_rdata?.[0] ?? 0);
  return (first >= 0x80 && first <= 0x8f) || first === 0xde || first === 0xdf;
}

/** The subject a message came on. */
export function subjectOf(msg: Msg): string {
  return asBuffer((msg as MsgImpl)._msg.subject).toString('latin1');
}

function valueAt(text: string, at: number, name: string): string {
  const start = at + name.length + 3;
  const end = text.indexOf('\r\n', start);
  return text.slice(start, end < 0 ? text.length : end).trim();
}

/** The first value of a header that a publisher set, or undefined. */
export function header(text: string, name: string): string | undefined {
  const at = text.indexOf(`\r\n${name}:`);
  return at < 0 ? undefined : valueAt(text, at, name);
}

/** The last value of a header, which is the server's where the server sets one. */
export function serverHeader(text: string, name: string): string | undefined {
  const at = text.lastIndexOf(`\r\n${name}:`);
  return at < 0 ? undefined : valueAt(text, at, name);
}

/** `serverHeader` as a whole number, 0 when it is missing or something else. */
export function serverNumber(text: string, name: string): number {
  const value = Number(serverHeader(text, name) ?? 0);
  return Number.isSafeInteger(value) ? value : 0;
}

/** The status of a control message (`NATS/1.0 404 Message Not Found`), 0 for an ordinary message. */
export function statusOf(text: string): number {
  return text.charCodeAt(8) === 32 ? Number.parseInt(text.slice(9, 12), 10) || 0 : 0;
}

/** One message of a stream, parsed as far as it is asked for. */
export class StoredMessage {
  /** Where it is in its stream: the offset. */
  readonly seq: number;
  /** The offset of the message before it on its subject, when the way it came tells, else 0. */
  readonly prevSeq: number;
  /** The bytes as they were stored: a view into what the socket read. */
  readonly payload: Uint8Array;
  /** The header block. */
  readonly text: string;
  private readonly where: string | undefined;
  private readonly time: number | undefined;
  private judged: boolean | undefined;

  constructor(from: {
    seq: number;
    prevSeq: number;
    payload: Uint8Array;
    text: string;
    subject?: string;
    at?: number;
  }) {
    this.seq = from.seq;
    this.prevSeq = from.prevSeq;
    this.payload = from.payload;
    this.text = from.text;
    this.where = from.subject;
    this.time = from.at;
  }

  /** It came through a consumer, with the header block as it was stored; else the server added its own. */
  get delivered(): boolean {
    return this.where !== undefined;
  }
  get subject(): string {
    return this.where ?? serverHeader(this.text, SERVER_HEADER.subject) ?? '';
  }
  /** The event's type, from its header; empty when a foreign publisher set none. */
  get type(): string {
    return header(this.text, HEADER.type) ?? '';
  }
  /** See `isGenuine`. */
  get genuine(): boolean {
    return this.judged ?? this.isGenuineOn(this.subject);
  }
  /** `genuine`, for who knows the subject already: looking for it in the headers costs more than the rest. */
  isGenuineOn(subject: string): boolean {
    return (this.judged ??= isGenuine(this.text, this.delivered, subject));
  }
  /** The epoch of a host's grant; 0 without one and for a message that is not genuine. */
  get epoch(): number {
    return this.genuine ? whole(header(this.text, HEADER.epoch)) : 0;
  }
  get n(): number {
    return this.genuine ? whole(header(this.text, HEADER.n)) : 0;
  }
  get msgId(): string {
    return this.genuine ? (header(this.text, HEADER.msgId) ?? '') : '';
  }
  /** The trace context that its publisher gave it. */
  get trace(): TraceContext | undefined {
    return this.genuine ? readTrace(this.text) : undefined;
  }
  /** When the server stored it, in ms since epoch. */
  get at(): number {
    if (this.time !== undefined) return this.time;
    const stamp = serverHeader(this.text, SERVER_HEADER.timeStamp) ?? '';
    // RFC 3339 with up to nine digits of fraction; beyond three of them Date.parse leaves its fast path.
    return Date.parse(stamp.replace(/(\.\d{3})\d+/, '$1')) || 0;
  }
}

function whole(text: string | undefined): number {
  const value = Number(text ?? 0);
  return Number.isSafeInteger(value) && value >= 0 ? value : 0;
}

/** A message that came by direct get or republish: the server put its place into headers. */
export function storedFromHeaders(msg: Msg, text = headerText(msg)): StoredMessage {
  return new StoredMessage({
    seq: serverNumber(text, SERVER_HEADER.sequence),
    prevSeq: serverNumber(text, SERVER_HEADER.lastSequence),
    payload: payloadOf(msg),
    text,
  });
}

/**
 * A message that came from a consumer, with its position in the consumer and how many more match for now: the reply subject
 * holds its place.
 */
export function storedFromConsumer(msg: Msg): { message: StoredMessage; deliverySeq: number; pending: number } {
  const reply = asBuffer((msg as MsgImpl)._msg.reply ?? EMPTY).toString('latin1');
  const tokens = reply.split('.');
  // $JS.ACK.<stream>.<consumer>.… or $JS.ACK.<domain>.<account>.<stream>.<consumer>.…
  const at = tokens.length > 9 ? 6 : 4;
  const message = new StoredMessage({
    seq: Number(tokens[at + 1]),
    prevSeq: 0,
    payload: payloadOf(msg),
    text: headerText(msg),
    subject: subjectOf(msg),
    at: Math.floor(Number(tokens[at + 3]) / 1e6),
  });
  return { message, deliverySeq: Number(tokens[at + 2]), pending: Number(tokens[at + 4]) };
}

const REPLIED_BARE = 'NATS/1.0\r\nNats-Stream: ';
const SUBJECT_FIELD = `\r\n${SERVER_HEADER.subject}: `;

/**
 * Whether a message of a session, a runner, or the audit log was published there by who may publish there.
 *
 * A client may name any subject for its replies, and the server publishes them without asking whether the client might:
 * so an acknowledgement, or a copy of a message that is stored elsewhere, can be stored on any subject of any
 * stream. Two marks tell: the message id of a true one begins with the id that its subject names, and a copy has the
 * server's `Nats-Subject` in it from when it was sent on.
 */
function isGenuine(text: string, delivered: boolean, subject: string): boolean {
  const [id, own] = idStartOf(subject);
  // Our own writers put the id first. `startsWith` would take five times as long.
  if (text.indexOf(own) !== 0 && header(text, HEADER.msgId)?.startsWith(id) !== true) return false;
  const at = text.indexOf(SUBJECT_FIELD);
  if (delivered) return at < 0;
  return at >= 0 && text.indexOf(SUBJECT_FIELD, at + SUBJECT_FIELD.length) < 0;
}

/** By subject: a process reads so many of them at a time at most, as a rule. */
const known = new BoundedMap<string, readonly [id: string, block: string]>(4_096);

/** How a message id on this subject begins, and how a header block of ours does. */
function idStartOf(subject: string): readonly [id: string, block: string] {
  const starts = known.get(subject);
  if (starts !== undefined) return starts;
  const from = subject.indexOf('.') + 1;
  const to = subject.indexOf('.', from);
  const id = `${subject.slice(from, to < 0 ? undefined : to)}.`;
  const made = [id, `NATS/1.0\r\n${HEADER.msgId}: ${id}`] as const;
  known.set(subject, made);
  return made;
}

/**
 * Whether a message was stored on its subject as a reply: an acknowledgement, which has no headers, or a
 * copy of what was stored elsewhere. For what has no message id to tell by: a lease.
 */
export function isReply({ text, delivered }: StoredMessage): boolean {
  if (text === '' || text.startsWith(REPLIED_BARE)) return true;
  const at = text.indexOf(SUBJECT_FIELD);
  return delivered ? at >= 0 : text.indexOf(SUBJECT_FIELD, at + 1) >= 0;
}

/** Whether the server says, with the headers it puts last, that this is the subject it stored the message on. */
export function isStoredOn({ text }: StoredMessage, subject: string): boolean {
  const at = text.lastIndexOf(SUBJECT_FIELD);
  const from = at + SUBJECT_FIELD.length;
  const to = from + subject.length;
  return at >= 0 && text.slice(from, to) === subject && text.charAt(to) === '\r';
}

/** A header block we have written ourselves: encoding is all that the client asks of it. */
class WrittenHeaders {
  constructor(private readonly block: Uint8Array) {}
  encode(): Uint8Array {
    return this.block;
  }
}

/** A header block of lines as they were stored. */
export function headersOfLines(lines: readonly string[]): MsgHdrs {
  const text = ['NATS/1.0', ...lines, '', ''].join('\r\n');
  return new WrittenHeaders(Buffer.from(text, 'latin1')) as unknown as MsgHdrs;
}

const UNSAFE = /[\r\n]/;

/**
 * A header block of the given names and values, and of the trace context, if there is one. A value with a line break is a
 * bug and throws.
 */
export function writeHeaders(
  fields: readonly (readonly [name: string, value: string | number])[],
  trace?: TraceContext,
): MsgHdrs {
  let text = 'NATS/1.0\r\n';
  for (const [name, value] of fields) {
    if (typeof value === 'string' && UNSAFE.test(value)) throw new TypeError(`A line break in header ${name}`);
    text += `${name}: ${value}\r\n`;
  }
  if (trace !== undefined)
    for (const [name, value] of Object.entries(traceFields(trace))) text += `${name}: ${value}\r\n`;
  return new WrittenHeaders(Buffer.from(`${text}\r\n`, 'latin1')) as unknown as MsgHdrs;
}

/** The header block of `writeHeaders` as text. */
export function writtenText(headers: MsgHdrs): string {
  return Buffer.from((headers as unknown as WrittenHeaders).encode()).toString('latin1');
}

/** The trace context in a header block, if it is well-formed. */
export function readTrace(text: string): TraceContext | undefined {
  const parent = header(text, TRACE_FIELDS.parent);
  return parent === undefined ? undefined : parseTraceContext(parent, header(text, TRACE_FIELDS.state));
}
