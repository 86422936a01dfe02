import { errorInfo, type ErrorCode } from '@pizzapi/protocol';
import { expect, it } from 'vitest';
import type { Api } from './api.js';
import { downloadPath } from './fileRequests.js';
import { UPLOAD_PART_BYTES, uploadFile } from './fileTransfers.js';

const ok = <T>(value: T) => ({ kind: 'ok' as const, status: 200, value });
const failed = (code: ErrorCode) => ({ kind: 'failed' as const, status: 0, error: errorInfo(code) });
const facts = { path: '/work/a', kind: 'file' as const, size: 0, modified: 1, version: 'v' };

/** A host that keeps what arrives. `troubles`: what happens to each part instead of an answer. */
function host(size: number, troubles: (ErrorCode | 'lost answer' | undefined)[] = []) {
  const calls: string[] = [];
  let arrived = 0;
  const api = {
    runnerCall: async (_rid: string, method: string) => {
      calls.push(method);
      if (method === 'upload_begin') return ok({ uploadId: 'u', received: 0, path: '/work/a' });
      if (method === 'upload_state') return ok({ received: arrived, size, path: '/work/a' });
      return ok(facts);
    },
    sendUpload: async (_rid: string, _id: string, offset: number, bytes: Blob | Uint8Array) => {
      const trouble = troubles.shift();
      if (trouble !== undefined && trouble !== 'lost answer') return failed(trouble);
      expect(offset).toBe(arrived);
      arrived += bytes instanceof Blob ? bytes.size : bytes.length;
      return trouble === undefined ? ok({ received: arrived }) : failed('gateway_unreachable');
    },
  } as unknown as Pick<Api, 'runnerCall' | 'sendUpload'>;
  return { api, calls, arrived: () => arrived };
}
const size = 2 * UPLOAD_PART_BYTES + 5;
const source = {
  size,
  slice: (from: number, to: number) => new Uint8Array(to - from) as unknown as Promise<Uint8Array<ArrayBuffer>>,
};
const at = { path: 'a' };
const sleep = async () => undefined;

it('an upload is sent part by part, says how far it is, and is put in its place', async () => {
  const { api, calls } = host(size);
  const progress: number[] = [];
  const outcome = await uploadFile(api, 'r', at, source, { sleep, onProgress: (bytes) => progress.push(bytes) });
  expect(outcome).toEqual(ok(facts));
  expect(progress).toEqual([UPLOAD_PART_BYTES, 2 * UPLOAD_PART_BYTES, size, size]);
  expect(calls).toEqual(['upload_begin', 'upload_finish']);
});

it('an upload continues with what has not arrived when its gateway was away, also when only the answer was lost', async () => {
  const { api, arrived } = host(size, [undefined, 'gateway_unreachable', 'lost answer', 'rpc_timeout']);
  expect(await uploadFile(api, 'r', at, source, { sleep })).toMatchObject({ kind: 'ok' });
  expect(arrived()).toBe(size);
});

it('an upload that the host refuses or a person stops is removed there', async () => {
  const full = host(size, [undefined, 'host_disk_full']);
  expect(await uploadFile(full.api, 'r', at, source, { sleep })).toMatchObject({ error: { code: 'host_disk_full' } });
  expect(full.calls.at(-1)).toBe('upload_cancel');
  const stopped = host(size);
  const stop = new AbortController();
  const outcome = await uploadFile(stopped.api, 'r', at, source, {
    sleep,
    signal: stop.signal,
    onProgress: () => stop.abort(),
  });
  expect(outcome).toMatchObject({ error: { code: 'rpc_cancelled' } });
  expect(stopped.calls.at(-1)).toBe('upload_cancel');
});

it('the address of a download keeps odd paths inside its query', () => {
  expect(downloadPath('r/1', { path: 'a&b=c#?', sessionId: 's1' })).toBe(
    '/api/runners/r%2F1/files?path=a%26b%3Dc%23%3F&sessionId=s1',
  );
  expect(downloadPath('r', { path: { base64: 'Yf8=' } }, 't')).toBe('/api/runners/r/files?base64=Yf8%3D&ticket=t');
});
