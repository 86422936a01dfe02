import { mkdtempSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomBytes } from 'node:crypto';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { KEEP, LEAVE_OUT } from '../pictures/leftOut.js';
import { openTestSession, type TestSession } from './testKit.js';

const SYSTEM = { via: 'api', userId: 'ada', name: 'Ada' } as const;
const REFUSAL = 'Invalid image data: the image could not be processed';

let provider: Server;
let agentDir: string;
/** The URLs of the pictures in each request. */
let requests: string[][];
/** Whether the provider refuses a request with pictures. */
let refuses: boolean;
let t: TestSession;

beforeAll(async () => {
  provider = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const pictures =
        Buffer.concat(chunks)
          .toString()
          .match(/data:image\/[a-z]+;base64,[^"]*/g) ?? [];
      requests.push(pictures);
      if (refuses && pictures.length > 0) {
        response.writeHead(400, { 'content-type': 'application/json' });
        return response.end(JSON.stringify({ error: { message: REFUSAL, type: 'invalid_request_error' } }));
      }
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      const chunk = { id: 'c', object: 'chat.completion.chunk', created: 1, model: 'seeing' };
      const choice = { index: 0, delta: { role: 'assistant', content: 'ok' }, finish_reason: 'stop' };
      response.end(`data: ${JSON.stringify({ ...chunk, choices: [choice] })}\n\ndata: [DONE]\n\n`);
    });
  });
  await new Promise<void>((resolve) => provider.listen(0, '127.0.0.1', resolve));
  agentDir = mkdtempSync(join(tmpdir(), 'pizzapi-pictures-'));
  const model = { id: 'seeing', input: ['text', 'image'], contextWindow: 100_000, maxTokens: 1_000 };
  const baseUrl = `http://127.0.0.1:${(provider.address() as AddressInfo).port}/v1`;
  const local = { baseUrl, api: 'openai-completions', apiKey: 'key', models: [model] };
  writeFileSync(join(agentDir, 'models.json'), JSON.stringify({ providers: { local } }));
});
afterAll(() => new Promise((resolve) => provider.close(resolve)));

async function open(): Promise<void> {
  [requests, refuses] = [[], false];
  t = await openTestSession({ agentDir, model: 'local/seeing' });
}

const send = (text: string, data?: string) =>
  t.session.submitInput({
    ...{ commandId: text, text, by: SYSTEM },
    ...(data === undefined ? {} : { images: [{ data, mimeType: 'image/png' }] }),
  });

async function ends(n: number): Promise<void> {
  await t.log.next('agent_end', n);
}

it('a picture that is too large for a provider reaches it smaller, in each request', async () => {
  await open();
  const raw = { raw: { width: 1_500, height: 1_400, channels: 3 as const } };
  const png = await sharp(randomBytes(1_500 * 1_400 * 3), raw)
    .png()
    .toBuffer();
  await send('look', png.toString('base64'));
  await ends(1);
  await send('again');
  await ends(2);
  expect(requests.map((pictures) => pictures.map((url) => url.length < 5_000_000))).toEqual([[true], [true]]);
  await t.close();
});

it('after a provider refused the pictures, people can leave them out, and every later request is without them', async () => {
  await open();
  refuses = true;
  const picture = (
    await sharp(randomBytes(300), { raw: { width: 10, height: 10, channels: 3 } })
      .png()
      .toBuffer()
  ).toString('base64');
  await send('look', picture);
  const dialog = await t.log.next('dialog_opened');
  expect(dialog).toMatchObject({ method: 'select', options: [LEAVE_OUT, KEEP] });
  expect(dialog.title).toContain(REFUSAL);
  t.session.answerDialog(dialog.dialogId, LEAVE_OUT, SYSTEM);
  await ends(2);
  await send('and now');
  await ends(3);
  expect(requests.map((pictures) => pictures.length)).toEqual([1, 0, 0]);
  await t.close();
});

it('an error that is about something else asks nothing', async () => {
  await open();
  refuses = true;
  await send('no picture at all');
  await ends(1);
  expect(t.log.all('dialog_opened')).toEqual([]);
  await t.close();
});
