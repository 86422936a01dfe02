import { oneLine, type NotificationPrefsRow, type PushPayload } from '@pizzapi/protocol';
import { post, type Delivery, type Reach } from './post.js';

export type Webhook = NonNullable<NotificationPrefsRow['webhook']>;

/** ntfy's priorities are 1 to 5; its tags are names of emojis. https://docs.ntfy.sh/publish */
const PRIORITY: Readonly<Record<PushPayload['kind'], number>> = { input: 4, error: 4, finished: 3 };
const TAGS: Readonly<Record<PushPayload['kind'], string>> = {
  ...{ input: 'raising_hand', error: 'rotating_light', finished: 'white_check_mark' },
};

/** Bytes of text in one encoded word: a word has 75 characters at most (RFC 2047), 12 of them around the text. */
const WORD_BYTES = 45;

/** Posts to a webhook as ntfy takes it, once: the text is the body, all else is in headers. */
export async function sendWebhook(
  { url, token }: Webhook,
  { kind, title, body, url: path }: PushPayload,
  /** Where people open the page; without it a notification leads nowhere. */
  publicUrl: string | undefined,
  reach: Reach,
): Promise<Delivery> {
  const headers = {
    'content-type': 'text/plain; charset=utf-8',
    title: headerText(title),
    priority: PRIORITY[kind],
    tags: TAGS[kind],
    ...(publicUrl === undefined ? {} : { click: publicUrl + path }),
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
  };
  const delivery = await post(new URL(url), { headers, body: Buffer.from(body) }, reach);
  // A topic that is not there now may be tomorrow: somebody typed this address, so nobody else takes it away.
  return delivery.kind === 'gone' ? { ...delivery, kind: 'refused' } : delivery;
}

/** A text as a header can carry it: one line, and what is not ASCII as encoded words (RFC 2047), which ntfy reads. */
export function headerText(text: string): string {
  const line = oneLine(text);
  if (/^[\x20-\x7e]*$/.test(line) && !line.includes('=?')) return line;
  const words = [''];
  for (const character of line) {
    if (Buffer.byteLength(words.at(-1)! + character) > WORD_BYTES) words.push('');
    words[words.length - 1] += character;
  }
  return words.map((word) => `=?UTF-8?B?${Buffer.from(word).toString('base64')}?=`).join(' ');
}
