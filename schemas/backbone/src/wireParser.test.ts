import { Kind, Parser, type ParserEvent } from '@nats-io/nats-core/internal';
import { expect, it } from 'vitest';
import { WireParser } from './wireParser.js';

const HEADERS = 'NATS/1.0\r\nNats-Sequence: 17\r\n\r\n';
const message = (subject: string, payload: string, reply = ''): string =>
  `MSG ${subject} 7 ${reply === '' ? '' : `${reply} `}${payload.length}\r\n${payload}\r\n`;
const withHeaders = (subject: string, payload: string, reply = ''): string =>
  `HMSG ${subject} 12 ${reply === '' ? '' : `${reply} `}${HEADERS.length} ${HEADERS.length + payload.length}\r\n` +
  `${HEADERS}${payload}\r\n`;

const SENT = [
  'INFO {"server_id":"one","max_payload":1048576}\r\n',
  '+OK\r\n',
  message('session.a.events', 'first'),
  message('session.a.events', ''),
  message('session.a.events', 'a line\r\nMSG session.b.events 7 3\r\nabc\r\n'),
  withHeaders('live.session.a.events', 'x'.repeat(300)),
  withHeaders('live.session.a.events', ''),
  'PING\r\n',
  'PONG\r\n',
  message('_INBOX.one', 'answer', '$JS.ACK.SESSIONS.c.1.17.3.1700000000000000000.2'),
  withHeaders('_INBOX.one', 'answer', 'reply.here'),
  '-ERR \'Permissions Violation for Publish to "x"\'\r\n',
  message('last', 'end'),
  // Spaces and tabs where the protocol allows several.
  'MSG  spaced   7    5\r\nhello\r\n',
  'msg lower 7 5\r\nhello\r\n',
].join('');

/** What a parser dispatches, as text: the buffers of one read are not those of another. */
function dispatched(parse: 'client' | 'wire', chunks: readonly Uint8Array[]): string[] {
  const events: string[] = [];
  const text = (bytes: Uint8Array | undefined): string | undefined =>
    bytes === undefined ? undefined : Buffer.from(bytes).toString('latin1');
  const dispatcher = {
    push: ({ kind, msg, data }: ParserEvent): void => {
      const line = msg && {
        sid: msg.sid,
        hdr: msg.hdr,
        size: msg.size,
        subject: text(msg.subject),
        reply: text(msg.reply),
      };
      events.push(JSON.stringify({ kind, line, data: text(data) }));
    },
  };
  const client = new Parser(dispatcher);
  const parser = parse === 'client' ? client : new WireParser(dispatcher, client);
  for (const chunk of chunks) parser.parse(chunk);
  return events;
}

function cut(bytes: Uint8Array, size: number): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += size) chunks.push(bytes.subarray(at, at + size));
  return chunks;
}

it('messages and other operations are what the parser of the client makes of them, wherever a read of the socket ends', () => {
  const bytes = Buffer.from(SENT, 'latin1');
  const expected = dispatched('client', [bytes]);
  expect(expected.filter((text) => text.startsWith(`{"kind":${Kind.MSG}`))).toHaveLength(10);
  for (let size = 1; size <= bytes.length; size++) expect(dispatched('wire', cut(bytes, size))).toEqual(expected);
});

it('two reads that end anywhere give the same messages', () => {
  const bytes = Buffer.from(SENT, 'latin1');
  const expected = dispatched('client', [bytes]);
  for (let at = 1; at < bytes.length; at++)
    expect(dispatched('wire', [bytes.subarray(0, at), bytes.subarray(at)])).toEqual(expected);
});

it('a malformed operation is refused as the client refuses it', () => {
  const malformed = [
    'HMSG subject 7 30 5\r\nhello\r\n',
    'MSG subject x 5\r\nhello\r\n',
    'MSG subject 7 -5\r\nhello\r\n',
    'MSG subject\r\n',
    'MSG a b c d e f\r\n',
    'HMSG subject 7 5\r\nhello\r\n',
    'HELLO\r\n',
  ];
  for (const text of malformed) {
    const bytes = [Buffer.from(text, 'latin1')];
    const refusal = /parse error|Parse Error|Missing/;
    expect(() => dispatched('client', bytes), text).toThrow(refusal);
    expect(() => dispatched('wire', bytes), text).toThrow(refusal);
  }
});

it('a whole message is dispatched at once, and its bytes are not copied', () => {
  const whole = Buffer.from(withHeaders('subject', 'payload', 'reply'), 'latin1');
  const events: ParserEvent[] = [];
  const dispatcher = { push: (event: ParserEvent) => void events.push(event) };
  new WireParser(dispatcher, new Parser(dispatcher)).parse(whole);
  expect(events).toHaveLength(1);
  expect(events[0]!.data!.buffer).toBe(whole.buffer);
});
