import {
  aboutAt,
  aboutText,
  arrayAt,
  INTERRUPTED_TEXT,
  isMap,
  isReadable,
  mapAt,
  numberAt,
  stringAt,
  terminalText,
  type UnknownMap,
} from '@pizzapi/protocol';
import { padToWidth } from './displayWidth.js';
import { paint, toSafeLine, type Io } from './io.js';

/** The number of characters of an event's text that a line shows. */
const TEXT_WIDTH = 160;

interface Line {
  /** The author or the kind of the event: the second column. */
  who: string;
  text: string;
  style?: 'cyan' | 'green' | 'red' | 'yellow' | 'dim' | 'bold';
}

/**
 * Returns an event as one line: offset, time, author, content. Total: an unknown event is printed as it is. `isEnd`: the
 * event ends a run of the agent, because its host was stopped or died.
 */
export function eventLine(seq: number, event: unknown, io: Pick<Io, 'colour'>, isEnd = false): string {
  const map = isMap(event) ? event : {};
  const type = stringAt(map, 'type') ?? 'unknown';
  const { who, text, style } = isEnd ? INTERRUPTED : describe(type, map);
  const at = numberAt(map, 'at');
  const time = at === undefined ? '--:--:--' : new Date(at).toISOString().slice(11, 19);
  const head = paint(io, 'dim', `${String(seq).padStart(7)} ${time}`);
  const label = padToWidth(toSafeLine(who, 16), 16);
  const shown = toSafeLine(text, TEXT_WIDTH);
  return `${head}  ${style === undefined ? label : paint(io, style, label)}  ${style === 'dim' ? paint(io, 'dim', shown) : shown}`.trimEnd();
}

const INTERRUPTED: Line = { who: 'interrupted', text: INTERRUPTED_TEXT, style: 'yellow' };

function describe(type: string, event: UnknownMap): Line {
  const text = (key: string) => stringAt(event, key) ?? '';
  switch (type) {
    case 'session_started':
      return { who: 'started', text: `${text('model')} in ${text('cwd')} ${text('name')}`, style: 'bold' };
    case 'session_resumed':
      return { who: 'resumed', text: 'by its host', style: 'bold' };
    case 'session_ended':
      return { who: 'ended', text: `${text('reason')} ${text('message')}`, style: 'bold' };
    case 'message_end':
      return { ...message(mapAt(event, 'message') ?? {}), ...forAgent(event) };
    case 'tool_execution_start':
      return {
        who: `${nestedMark(event)}▸ ${text('toolName')}`,
        text: JSON.stringify(event['args'] ?? {}),
        style: 'cyan',
      };
    case 'tool_execution_end':
      return toolEnd(event);
    case 'input_received':
      return {
        who: 'input',
        text: `${forAgent(event).text ?? text('text')} (${stringAt(mapAt(event, 'by') ?? {}, 'via') ?? 'unknown author'})`,
        style: 'green',
      };
    case 'dialog_opened':
      return { who: 'question', text: `${text('title')} ${text('message')}`, style: 'yellow' };
    case 'dialog_resolved':
      return { who: 'answer', text: JSON.stringify(event['value'] ?? event['outcome'] ?? null), style: 'yellow' };
    case 'command_result': {
      const failed = event['ok'] === false;
      const error = mapAt(event, 'error') ?? {};
      const outcome = failed ? `${stringAt(error, 'code') ?? 'failed'}: ${stringAt(error, 'message') ?? ''}` : 'ok';
      return { who: 'command', text: `${text('name')} ${outcome}`, style: failed ? 'red' : 'dim' };
    }
    default: {
      const { type: _type, at: _at, ...rest } = event;
      return { who: type, text: Object.keys(rest).length === 0 ? '' : JSON.stringify(rest), style: 'dim' };
    }
  }
}

/** A text that was written for the agent, in words for people. */
function forAgent(event: UnknownMap): { text?: string } {
  const about = aboutAt(event) ?? aboutAt(mapAt(event, 'origin') ?? {});
  return about === undefined || isReadable(about) ? {} : { text: aboutText(about) };
}

function message(message: UnknownMap): Line {
  const role = stringAt(message, 'role') ?? 'message';
  const error = stringAt(message, 'errorMessage');
  if (error !== undefined) return { who: role, text: error, style: 'red' };
  const content = contentText(message['content']);
  const text = role === 'toolResult' ? terminalText(content) : content;
  return { who: role, text, ...(role === 'user' ? { style: 'green' } : role === 'toolResult' ? { style: 'dim' } : {}) };
}

function toolEnd(event: UnknownMap): Line {
  const failed = event['isError'] === true;
  const result = event['result'];
  const text = terminalText(isMap(result) ? contentText(result['content']) : typeof result === 'string' ? result : '');
  return {
    who: `${nestedMark(event)}${failed ? '✗' : '✓'} ${stringAt(event, 'toolName') ?? 'tool'}`,
    text,
    style: failed ? 'red' : 'cyan',
  };
}

/** What precedes a call that another call made. */
const nestedMark = (event: UnknownMap): string => (stringAt(event, 'parentToolCallId') === undefined ? '' : '↳ ');

function contentText(content: unknown): string {
  if (typeof content === 'string') return content;
  const blocks = arrayAt({ content }, 'content').filter(isMap);
  return blocks
    .map((block) => {
      switch (block['type']) {
        case 'text':
          return stringAt(block, 'text') ?? '';
        case 'thinking':
          return `(thinking: ${(stringAt(block, 'thinking') ?? '').length} characters)`;
        case 'toolCall':
          return `[${stringAt(block, 'name') ?? 'tool'}]`;
        default:
          return `[${stringAt(block, 'type') ?? 'block'}]`;
      }
    })
    .join(' ');
}
