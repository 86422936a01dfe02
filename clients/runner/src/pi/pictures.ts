import { createHash } from 'node:crypto';
import type { ContextEvent, ExtensionFactory } from '@mariozechner/pi-coding-agent';
import { BoundedMap } from '@pizzapi/protocol';
import { messageOf } from './errorMessage.js';
import { fitPicture } from '../pictures/fitPicture.js';
import {
  isPictureRefusal,
  KEEP,
  LEAVE_OUT,
  leftOutText,
  PICTURES_LEFT_OUT,
  refusalQuestion,
} from '../pictures/leftOut.js';

type Message = ContextEvent['messages'][number];
type Block = { type: 'text'; text: string } | { type: 'image'; data: string; mimeType: string };

/** Pictures of one session whose result is kept, so that a request does not scale them again. */
const KEPT_RESULTS = 64;

/**
 * Keeps pictures from breaking a session: each request carries every picture of the conversation, and a provider refuses the whole
 * of it for one that is too large or damaged. A picture is made smaller before it is sent, or left out with a note. After a
 * refusal, people are asked whether the agent continues without the pictures.
 */
export function pictures(): ExtensionFactory {
  return (pi) => {
    const results = new BoundedMap<string, Block>(KEPT_RESULTS);
    let sent = 0;
    let isAsking = false;

    pi.on('context', async ({ messages }) => {
      const from = messages.findLastIndex((message) => isMarker(message)) + 1;
      sent = 0;
      const fitted: Message[] = [];
      for (const [index, message] of messages.entries())
        fitted.push(await withPictures(message, (block) => (index < from ? noteOf('left out') : fit(block))));
      return { messages: fitted };
    });

    pi.on('agent_end', ({ messages }, ctx) => {
      const last = messages.findLast((message) => message.role === 'assistant');
      if (last?.role !== 'assistant' || last.stopReason !== 'error') return;
      const error = last.errorMessage ?? '';
      const count = sent;
      if (isAsking || !ctx.hasUI || !isPictureRefusal(error, count)) return;
      isAsking = true;
      // The end of the run must not wait for a person.
      void ctx.ui
        .select(refusalQuestion(count, error), [LEAVE_OUT, KEEP])
        .then((answer) => {
          if (answer !== LEAVE_OUT) return;
          const message = { customType: PICTURES_LEFT_OUT, content: leftOutText(count), display: true };
          pi.sendMessage(message, { triggerTurn: true });
        })
        .catch((thrown: unknown) => ctx.ui.notify(`The pictures were not left out: ${messageOf(thrown)}`, 'error'))
        .finally(() => (isAsking = false));
    });

    async function fit(block: Extract<Block, { type: 'image' }>): Promise<Block> {
      const key = createHash('sha256').update(block.data).digest('base64');
      const known = results.get(key);
      const result = known ?? (await fitted(block));
      results.set(key, result);
      if (result.type === 'image') sent += 1;
      return result;
    }
  };
}

async function fitted(block: Extract<Block, { type: 'image' }>): Promise<Block> {
  const outcome = await fitPicture(Buffer.from(block.data, 'base64'));
  if (outcome.kind === 'as_is') return { ...block, mimeType: outcome.picture.mimeType };
  if (outcome.kind === 'made_smaller') return { ...block, ...outcome.picture };
  return noteOf(outcome.kind === 'unreadable' ? 'left out: its data is damaged' : 'left out: it is too large');
}

const noteOf = (what: string): Block => ({ type: 'text', text: `[A picture was ${what}.]` });

const isMarker = (message: Message): boolean => message.role === 'custom' && message.customType === PICTURES_LEFT_OUT;

/** Returns the message with each picture replaced, or the same message when it has none. */
async function withPictures(
  message: Message,
  replace: (block: Extract<Block, { type: 'image' }>) => Block | Promise<Block>,
): Promise<Message> {
  if (message.role !== 'user' && message.role !== 'toolResult' && message.role !== 'custom') return message;
  if (!Array.isArray(message.content) || !message.content.some((block) => block.type === 'image')) return message;
  const content: Block[] = [];
  for (const block of message.content) content.push(block.type === 'image' ? await replace(block) : block);
  return { ...message, content };
}
