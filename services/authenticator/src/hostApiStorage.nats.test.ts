import { claimGrant, getBlobVia, ownerOf, putBlobVia, requestRpc, sessionRowKey, sessionRows } from '@pizzapi/backbone';
import { decode, HOST_API_PART_BYTES, hostApiSubjects, encode, initialSessionInfo, newId } from '@pizzapi/protocol';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { PARTS_BYTES, PARTS_TO_BEGIN_BYTES } from './hostApiBlobs.js';
import { startSecuredNats, TestHosts, type SecuredNats, type HostedTestSession } from './testing/index.js';

const MIB = 1024 * 1024;
const ANSWER_MS = 20_000;

let s: SecuredNats;
let hosts: TestHosts;
beforeAll(async () => {
  s = await startSecuredNats({ storage: { session: 3 * MIB, account: 5 * MIB } });
  hosts = new TestHosts(s);
  await s.addAuthenticator();
});
afterAll(async () => {
  await hosts.close();
  await s.stop();
});

/** A session of an account, and its worker's connection. */
const sessionOf = async (userId: string): Promise<HostedTestSession> => hosts.session(await hosts.runner(userId));

const put = ({ worker, caller }: HostedTestSession, bytes: Buffer) =>
  putBlobVia(worker, caller, bytes, 'text/plain').then(
    () => 'stored',
    (error: unknown) => (error as { code: string; message: string }).message,
  );

/** One part, as a host could send it. */
async function sendPart(
  { worker, sid }: HostedTestSession,
  fields: { blob: string; size: number; offset: number; bytes: Buffer },
): Promise<{ kind: string; code?: string }> {
  const body = encode({ verb: 'put_blob', mediaType: 'x/y', ...fields });
  const outcome = await requestRpc(worker, hostApiSubjects.session(sid), body, { timeoutMs: ANSWER_MS });
  if (outcome.kind !== 'ok') throw new Error(outcome.kind);
  return decode(outcome.body) as { kind: string; code?: string };
}

it('what a session and an account store by their hosts ends where it may: the host is told which limit it is', async () => {
  const [first, second] = [await sessionOf('ann'), await sessionOf('ann')];
  expect(await put(first, Buffer.alloc(2 * MIB, 'a'))).toBe('stored');
  expect(await put(first, Buffer.alloc(2 * MIB, 'b'))).toMatch(
    /^This session holds 2 MiB of at most 3 MiB; 2 MiB more/,
  );
  expect(await put(first, Buffer.alloc(1 * MIB, 'c'))).toBe('stored');
  expect(await put(second, Buffer.alloc(2 * MIB, 'd'))).toBe('stored');
  expect(await put(second, Buffer.alloc(1, 'e'))).toMatch(/^The account holds 5 MiB of at most 5 MiB; 1 B more/);
  // What is there already may be brought again, and read.
  expect(await put(first, Buffer.alloc(2 * MIB, 'a'))).toBe('stored');
  const other = await sessionOf('bob');
  expect(await put(other, Buffer.alloc(1, 'e'))).toBe('stored');
});

it('an account whose logs and files have no room is granted no new session, and keeps those it has', async () => {
  const { sid, rid, runner } = await sessionOf('frank');
  // As the projector writes it.
  const row = { info: initialSessionInfo(sid), lastSeq: 1, count: 1, epoch: 1, checkpoints: [], logBytes: 6 * MIB };
  const owner = await ownerOf(s.admin, sid);
  await sessionRows(s.admin).put(sessionRowKey(owner?.userId, sid), row);
  const claim = async (of: string) => {
    const grant = await claimGrant(runner, { kind: 'runner', rid, sid: of });
    return grant.kind === 'refused' ? grant.message : grant.kind;
  };
  await expect.poll(() => claim(newId('s'))).toMatch(/^The account holds 6 MiB of at most 5 MiB/);
  expect(await claim(sid)).toBe('granted');
});

it('what has no room is refused with its first part', async () => {
  const session = await sessionOf('carol');
  const part = { size: 60 * MIB, offset: 0, bytes: Buffer.alloc(HOST_API_PART_BYTES) };
  expect(await sendPart(session, { blob: 'a'.repeat(64), ...part })).toMatchObject({
    kind: 'refused',
    code: 'storage_full',
  });
});

it('the same bytes are of what type each account says, and are read in the session that has them alone', async () => {
  const [ann, bob] = [await sessionOf('dora'), await sessionOf('emil')];
  const bytes = Buffer.from('of both');
  const { blob } = await putBlobVia(ann.worker, ann.caller, bytes, 'text/html');
  expect(await getBlobVia(bob.worker, bob.caller, blob)).toBeUndefined();
  await putBlobVia(bob.worker, bob.caller, bytes, 'image/png');
  expect((await getBlobVia(ann.worker, ann.caller, blob))?.mediaType).toBe('text/html');
  expect((await getBlobVia(bob.worker, bob.caller, blob))?.mediaType).toBe('image/png');
  const sibling = await sessionOf('dora');
  expect(await getBlobVia(sibling.worker, sibling.caller, blob)).toBeUndefined();
});

it('parts that one account never completes take no room from another’s', async () => {
  const [hog, other] = [await sessionOf('hog'), await sessionOf('other')];
  const bytes = Buffer.alloc(HOST_API_PART_BYTES);
  const size = 2 * MIB;
  const outcomes: string[] = [];
  const begin = async (i: number) => {
    const blob = i.toString(16).padStart(64, '0');
    const { kind, code } = await sendPart(hog, { blob, size, offset: 0, bytes });
    outcomes.push(code ?? kind);
  };
  const most = PARTS_TO_BEGIN_BYTES / HOST_API_PART_BYTES;
  for (let i = 0; i < most + 24; i += 8) await Promise.all(Array.from({ length: 8 }, (_, k) => begin(i + k)));
  const taken = outcomes.filter((outcome) => outcome === 'answer').length;
  expect(taken).toBeGreaterThanOrEqual(most);
  expect(taken).toBeLessThan(most + 16);
  expect(new Set(outcomes)).toEqual(new Set(['answer', 'unavailable']));
  // What has begun may go on, up to a second bound.
  expect(PARTS_BYTES).toBeGreaterThan(PARTS_TO_BEGIN_BYTES);
  const next = { blob: '0'.repeat(64), size, offset: HOST_API_PART_BYTES, bytes };
  expect(await sendPart(hog, next)).toMatchObject({ kind: 'answer', stored: false });
  expect(await put(other, Buffer.alloc(1 * MIB, 'x'))).toBe('stored');
});
