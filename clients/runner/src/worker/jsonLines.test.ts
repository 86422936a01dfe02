import { expect, it } from 'vitest';
import { LineReader } from '../ipc/lines.js';
import { jsonLines } from './jsonLines.js';

it('events that are cut into parts anywhere are the same events again, line separators of Unicode included', () => {
  const events = [
    { type: 'a', text: 'ä €\u2028\u2029\r\n "quoted"' },
    { type: 'b', text: 'x'.repeat(1_000) },
    { type: 'c', list: [1, null, { deep: '\ud800 half a pair' }] },
  ];
  for (const size of [1, 2, 3, 7, 64, 1_000_000]) {
    const reader = new LineReader();
    const parts = [...jsonLines(events, size)];
    expect(parts.every(({ byteLength }) => byteLength <= size)).toBe(true);
    const read = parts.flatMap((part) => reader.push(part)).map((line) => JSON.parse(line) as unknown);
    expect(read).toEqual(events);
  }
});
