import { Kind, State, type Dispatcher, type MsgArg, type Parser, type ParserEvent } from '@nats-io/nats-core/internal';

const H = 0x48;
const M = 0x4d;
const SPACE = 0x20;
const CR = 0x0d;
const NL = 0x0a;
const ZERO = 0x30;
const NINE = 0x39;

const NO_HEADERS = -1;
const MOST_FIELDS = 5;
/** Where the fields of the line that was read last end. */
const ends = new Int32Array(MOST_FIELDS);

/** Finds the fields of a line and returns how many it has; 0 when it has too many, or the line does not end here. */
function findFields(buffer: Uint8Array, from: number): number {
  let count = 0;
  for (let i = from; i < buffer.length; i++) {
    const byte = buffer[i];
    if (byte !== SPACE && byte !== CR) continue;
    if (count === MOST_FIELDS) return 0;
    ends[count++] = i;
    if (byte === CR) return buffer[i + 1] === NL ? count : 0;
  }
  return 0;
}

/** Returns the number that these bytes are, or -1 when one of them is not a digit. */
function numberIn(buffer: Uint8Array, from: number, to: number): number {
  let value = from < to ? 0 : -1;
  for (let i = from; i < to; i++) {
    const byte = buffer[i]!;
    if (byte < ZERO || byte > NINE) return -1;
    value = value * 10 + byte - ZERO;
  }
  return value;
}

/** The client's own parser, as far as this one needs it. */
type ClientParser = Pick<Parser, 'parse' | 'state' | 'ma' | 'msgBuf'>;

/** The line of a message. Its texts are views that are made when they are asked for: most readers need none. */
class MessageLine implements MsgArg {
  constructor(
    private readonly buffer: Uint8Array,
    private readonly subjectFrom: number,
    private readonly subjectTo: number,
    readonly sid: number,
    private readonly replyFrom: number,
    private readonly replyTo: number,
    /** The bytes of the headers, -1 without headers. */
    readonly hdr: number,
    /** The bytes of the headers and the payload. */
    readonly size: number,
  ) {}

  get subject(): Uint8Array {
    return this.buffer.subarray(this.subjectFrom, this.subjectTo);
  }

  get reply(): Uint8Array | undefined {
    return this.replyTo > this.replyFrom ? this.buffer.subarray(this.replyFrom, this.replyTo) : undefined;
  }
}

/**
 * Parses what the server sends, for the client. The client's own parser takes a message's line byte by byte through a table
 * of states and makes a view for each of its fields: about a quarter of what a gateway does for an event of a session with one
 * viewer. This one parses the messages that lie whole in what the socket read. It passes everything else on to the client's parser: parts of
 * messages, other operations, and what is malformed.
 */
export class WireParser {
  constructor(
    private readonly dispatcher: Dispatcher<ParserEvent>,
    private readonly client: ClientParser,
  ) {}

  parse(buffer: Uint8Array): void {
    let at = 0;
    while (at < buffer.length) {
      const next = this.client.state === State.OP_START ? this.message(buffer, at) : at;
      at = next > at ? next : this.passOn(buffer, at);
    }
  }

  /** Dispatches the message that begins at `at` and returns where the next operation begins; `at` when it is not a whole one. */
  private message(buffer: Uint8Array, at: number): number {
    // `HMSG subject sid [reply] header-size size`, or `MSG subject sid [reply] size`.
    const hasHeaders = buffer[at] === H;
    const from = at + (hasHeaders ? 5 : 4);
    if ((!hasHeaders && buffer[at] !== M) || buffer[from - 1] !== SPACE) return at;
    const count = findFields(buffer, from);
    const least = hasHeaders ? 4 : 3;
    if (count !== least && count !== least + 1) return at;
    const [subjectTo, sidTo, third] = [ends[0]!, ends[1]!, ends[2]!];
    const lineTo = ends[count - 1]!;
    const sid = numberIn(buffer, subjectTo + 1, sidTo);
    const size = numberIn(buffer, ends[count - 2]! + 1, lineTo);
    const hdr = hasHeaders ? numberIn(buffer, ends[count - 3]! + 1, ends[count - 2]!) : NO_HEADERS;
    const dataFrom = lineTo + 2;
    const dataTo = dataFrom + size;
    if (sid < 0 || size < 0 || hdr > size || (hasHeaders && hdr < 0)) return at;
    if (buffer[dataTo] !== CR || buffer[dataTo + 1] !== NL) return at;
    const replyTo = count > least ? third : sidTo;
    const msg = new MessageLine(buffer, from, subjectTo, sid, sidTo + 1, replyTo, hdr, size);
    this.dispatcher.push({ kind: Kind.MSG, msg, data: buffer.subarray(dataFrom, dataTo) });
    return dataTo + 2;
  }

  /** Gives the client's parser the rest of what it has begun, or one line. Returns where the next begins. */
  private passOn(buffer: Uint8Array, at: number): number {
    const { client } = this;
    const to =
      client.state === State.MSG_PAYLOAD
        ? at + Math.max(0, client.ma.size - (client.msgBuf?.length ?? 0)) + 2
        : buffer.indexOf(NL, at) + 1;
    const end = to > at && to <= buffer.length ? to : buffer.length;
    client.parse(buffer.subarray(at, end));
    return end;
  }
}
