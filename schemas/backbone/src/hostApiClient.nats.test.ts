import { decode, HOST_API_PART_BYTES, hostApiSubjects, encode, type HostApiRequest } from '@pizzapi/protocol';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { connectBackbone, type Backbone } from './connection.js';
import { claimGrant, getBlobVia, hasResult, idsAfter, putBlobVia } from './hostApiClient.js';
import { relayVersion } from './relayVersion.js';
import { serveRpc } from './rpc.js';
import { startTestNats, type TestNats } from './testing/index.js';

let nats: TestNats;
let host: Backbone;
let other: Backbone;
let stop: () => void = () => undefined;

beforeAll(async () => {
  nats = await startTestNats();
  host = await connectBackbone({ url: nats.url, name: 'host' });
  other = await connectBackbone({ url: nats.url, name: 'desk' });
});
afterEach(() => stop());
afterAll(async () => {
  await Promise.all([host.close(), other.close()]);
  await nats.stop();
});

const runner = { kind: 'runner', rid: 'r', sid: 's' } as const;
const worker = { kind: 'session', sid: 's' } as const;

/** Answers questions as written here; what it was asked. */
function desk(subject: string, answer: (request: HostApiRequest) => object): HostApiRequest[] {
  const asked: HostApiRequest[] = [];
  stop = serveRpc(other, subject, (body) => {
    const request = decode(body) as HostApiRequest;
    asked.push(request);
    return encode(answer(request));
  });
  return asked;
}

describe('a question to the authenticator', () => {
  it('waits while there is none, is asked again, and goes where its caller may publish', async () => {
    const asking = claimGrant(host, runner);
    let busy = true;
    const asked = desk(hostApiSubjects.runner('r'), () => {
      const answer = busy ? { kind: 'refused', code: 'unavailable', message: 'Busy.' } : granted;
      busy = false;
      return answer;
    });
    const granted = { kind: 'granted', epoch: 7, userId: 'u', grant: 'g' };
    expect(await asking).toEqual(granted);
    expect(asked).toEqual([
      { verb: 'claim', sid: 's' },
      { verb: 'claim', sid: 's' },
    ]);
  });

  it('that nobody answers ends when its caller does not wait any more', async () => {
    const signal = AbortSignal.timeout(50);
    await expect(hasResult(host, worker, 'c', { signal })).rejects.toMatchObject({ code: 'unavailable' });
  });

  it('is refused with the code of the refusal, told once', async () => {
    desk(hostApiSubjects.runner('r'), () => ({ kind: 'refused', code: 'fenced', message: 'No.' }));
    expect(await claimGrant(host, runner)).toEqual({ kind: 'refused', code: 'fenced', message: 'No.' });
    await expect(hasResult(host, runner, 'c')).rejects.toMatchObject({
      code: 'fenced',
      message: 'No. Another runner owns this session now. This one has stopped.',
    });
  });

  it('whose answer is long is asked on from where it ended', async () => {
    desk(hostApiSubjects.session('s'), (request) =>
      request.verb === 'ids_after' && request.after === 3
        ? { kind: 'answer', ids: ['a', 'b'], next: 9 }
        : { kind: 'answer', ids: ['c'] },
    );
    expect(await idsAfter(host, worker, 3)).toEqual(['a', 'b', 'c']);
  });
});

it('a relay says its version, also after a refusal that passes, and an earlier one that does not know the question speaks wire 1', async () => {
  let busy = true;
  const asked = desk(hostApiSubjects.runner('r'), () => {
    const answer = busy
      ? { kind: 'refused', code: 'unavailable', message: 'Busy.' }
      : { kind: 'answer', version: '0.3.0', wire: 2 };
    busy = false;
    return answer;
  });
  expect(await relayVersion(host, 'r')).toEqual({ version: '0.3.0', wire: 2 });
  expect(asked).toEqual([{ verb: 'relay' }, { verb: 'relay' }]);
  stop();
  desk(hostApiSubjects.runner('r'), () => ({ kind: 'refused', code: 'bad_request', message: '' }));
  expect(await relayVersion(host, 'r')).toEqual({ version: '', wire: 1 });
});

describe('a blob', () => {
  const bytes = new Uint8Array(HOST_API_PART_BYTES * 2 + 10).map((_, index) => index % 251);

  it('goes and comes in parts, and is sent again when one of them got lost', async () => {
    let parts: Uint8Array[] = [];
    let mishaps = 1;
    const asked = desk(hostApiSubjects.session('s'), (request) => {
      if (request.verb === 'get_blob') {
        const { offset } = request;
        const part = bytes.subarray(offset, offset + HOST_API_PART_BYTES);
        return { kind: 'answer', size: bytes.length, mediaType: 'image/png', bytes: part };
      }
      if (request.verb !== 'put_blob') throw new Error(request.verb);
      if (request.offset === 0) parts = [];
      parts.push(request.bytes as Uint8Array);
      const isLast = request.offset + HOST_API_PART_BYTES >= request.size;
      if (isLast && mishaps-- > 0) return { kind: 'refused', code: 'blob_not_found', message: 'Parts are missing.' };
      return { kind: 'answer', stored: isLast };
    });
    const ref = await putBlobVia(host, worker, bytes, 'image/png');
    expect(ref).toMatchObject({ size: bytes.length, mediaType: 'image/png' });
    expect(Buffer.concat(parts).equals(bytes)).toBe(true);
    expect(asked).toHaveLength(6);
    const blob = await getBlobVia(host, worker, ref.blob);
    expect(blob?.mediaType).toBe('image/png');
    expect(Buffer.from(blob!.bytes).equals(bytes)).toBe(true);
  });

  it('that is not there for this session is none, and so is one whose bytes are others', async () => {
    desk(hostApiSubjects.session('s'), () => ({ kind: 'refused', code: 'blob_not_found', message: '' }));
    expect(await getBlobVia(host, worker, 'a'.repeat(64))).toBeUndefined();
    stop();
    const wrong = { kind: 'answer', size: 2, mediaType: 'text/plain', bytes: new Uint8Array(2) };
    desk(hostApiSubjects.session('s'), () => wrong);
    expect(await getBlobVia(host, worker, 'a'.repeat(64))).toBeUndefined();
  });
});
