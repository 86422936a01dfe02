import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { eventLine } from './eventLine.js';
import { jsonLine } from './io.js';

const show = (event: object) => eventLine(7, { at: 0, ...event }, { colour: false });

describe('an event as a line', () => {
  it.each([
    [
      { type: 'message_end', message: { role: 'user', content: 'do\nit' } },
      '      7 00:00:00  user              do it',
    ],
    [
      {
        type: 'message_end',
        message: {
          role: 'assistant',
          content: [
            { type: 'thinking', thinking: 'hm' },
            { type: 'text', text: 'yes' },
            { type: 'toolCall', name: 'bash' },
          ],
        },
      },
      '      7 00:00:00  assistant         (thinking: 2 characters) yes [bash]',
    ],
    [
      { type: 'tool_execution_start', toolName: 'bash', args: { command: 'ls' } },
      '      7 00:00:00  ▸ bash            {"command":"ls"}',
    ],
    [
      { type: 'tool_execution_end', toolName: 'bash', isError: true, result: { content: 'no' } },
      '      7 00:00:00  ✗ bash            no',
    ],
    [
      { type: 'command_result', ok: false, name: 'model_set', error: { code: 'model_unknown', message: 'No.' } },
      '      7 00:00:00  command           model_set model_unknown: No.',
    ],
    [{ type: 'session_ended', reason: 'killed' }, '      7 00:00:00  ended             killed'],
    [{ type: 'from_the_future', x: 1 }, '      7 00:00:00  from_the_future   {"x":1}'],
  ])('%j', (event, expected) => {
    expect(show(event)).toBe(expected);
  });

  it('an event line never holds an escape sequence of the agent', () => {
    expect(
      show({ type: 'message_end', message: { role: '\x1b[2J', content: 'a\x1b]52;c;eA==\x07b\u009bc' } }),
    ).not.toMatch(/\p{Cc}/u);
  });

  it('an event line shows of the output of a tool what a terminal shows in the end, without litter', () => {
    const output = '\x1b[31mred\x1b[0m 10%\rDone\x1b[K abc\b\bX \x1bPq#0\x1b\\\x9b1m!';
    const end = { type: 'tool_execution_end', toolName: 'bash', isError: false, result: { content: output } };
    expect(show(end)).toBe('      7 00:00:00  ✓ bash            Done aX !');
    expect(show({ type: 'message_end', message: { role: 'user', content: 'a\u202eb\u2028c\u200bd' } })).toMatch(
      /ab cd$/,
    );
  });

  it('a line of JSON shows nothing that a terminal acts on, and holds the same value', () => {
    const event = { text: 'a\x1b[2J\u009b2J\u202eb\u2028c\u200bd' };
    expect(jsonLine(event)).not.toMatch(/[\p{Cc}\p{Cf}\u2028]/u);
    expect(JSON.parse(jsonLine(event))).toEqual(event);
  });

  it('a call that another call made has a mark', () => {
    const event = { type: 'tool_execution_start', at: 0, toolCallId: 'c/1', toolName: 'bash', args: {} };
    expect(eventLine(1, { ...event, parentToolCallId: 'c' }, { colour: false })).toContain('↳ ▸ bash');
    expect(eventLine(1, event, { colour: false })).not.toContain('↳');
  });

  it('every event is printed as one line', () => {
    const types = fc.constantFrom('message_end', 'tool_execution_end', 'dialog_resolved', 'command_result', 'unknown');
    const fields = fc.dictionary(fc.constantFrom('message', 'result', 'value', 'error', 'args', 'x'), fc.anything());
    const isOneLine = (event: unknown) => !eventLine(1, event, { colour: false }).includes('\n');
    fc.assert(fc.property(fc.anything(), isOneLine));
    fc.assert(fc.property(types, fields, (type, map) => isOneLine({ ...map, type })));
  });
});
