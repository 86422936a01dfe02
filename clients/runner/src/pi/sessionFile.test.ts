import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readPiSessionFile } from './sessionImport.js';
import { parsePiSessionFile } from './sessionFile.js';

const options = { userId: 'ann', runnerId: 'r1', piVersion: '1', epoch: 1 };
const folder = mkdtempSync(join(tmpdir(), 'pizzapi-file-'));
afterAll(() => rmSync(folder, { recursive: true }));

const HEADER = { type: 'session', version: 3, id: 's', timestamp: '2026-01-01T00:00:00Z', cwd: '/' };
const header = JSON.stringify(HEADER);
const entry = (id: string, parentId: string | null, message: object = { role: 'user', content: id }) =>
  JSON.stringify({ type: 'message', id, parentId, timestamp: '2026-01-01T00:00:01Z', message });
const user = entry('a', null);
const second = entry('b', 'a');
const third = entry('c', 'b');
const deep = (levels: number) => `{"type":"custom","data":${'['.repeat(levels)}${']'.repeat(levels)}}`;

function written(...lines: (string | Buffer)[]): string {
  const path = join(folder, 'session.jsonl');
  writeFileSync(path, Buffer.concat(lines.map((line) => Buffer.concat([Buffer.from(line), Buffer.from('\n')]))));
  return path;
}

/** The ids that are left, and the damage, of a file that is salvaged. */
function salvaged(path: string) {
  const parsed = parsePiSessionFile(path, { salvage: true });
  if (parsed.kind === 'invalid') throw new Error(parsed.message);
  const { entries, damage, repairs } = parsed;
  return { ids: entries.map((each) => each.entry.id), damage: damage.map(({ line }) => line), repairs, entries };
}

describe('a file that is no pi session', () => {
  it.each([
    ['an empty file', [], 'file_invalid', 1],
    ['a file of something else', ['{"hello":"world"}'], 'file_invalid', 1],
    ['a file without a header', [user], 'file_invalid', 1],
    ['a file of a newer pi', [header.replace(':3', ':99'), user], 'file_invalid', 1],
    ['a file of zeros', ['\0'.repeat(500)], 'file_invalid', 1],
    ['a header without messages', [header, '{"type":"custom","id":"x","parentId":null}'], 'file_empty', 1],
  ] as const)('%s is refused with its code and line, also by salvage', (_what, lines, code, line) => {
    for (const salvage of [false, true]) {
      const outcome = readPiSessionFile(written(...lines), { ...options, salvage });
      expect(outcome).toMatchObject({ kind: 'invalid', code, line });
    }
  });

  it('a long text of short lines, which may all begin an entry, is refused without a search of its own for each line', () => {
    const lines = Array.from({ length: 20_000 }, (_, index) => `{ "key-${index}": {`);
    expect(readPiSessionFile(written(...lines), options)).toMatchObject({ code: 'file_invalid', line: 1 });
  });

  it('a file that is not there is refused by name', () => {
    expect(readPiSessionFile(join(folder, 'missing'), options)).toMatchObject({ code: 'file_not_found' });
  });
});

describe('a damaged file', () => {
  const torn = second.slice(0, 40);
  const raw = (char: string) => second.replace('"content":"b"', `"content":"one${char}two"`);
  const cases: [what: string, lines: (string | Buffer)[], line: number, says: RegExp, ids: string[]][] = [
    ['a line that is not JSON', [header, 'nonsense', user], 2, /is not JSON/, ['a']],
    ['a line that is cut off', [header, user, torn, third], 3, /is cut off/, ['a', 'c']],
    ['NUL bytes before an entry', [header, user, `\0\0\0${second}`], 3, /NUL bytes/, ['a', 'b']],
    ['a line of NUL bytes', [header, user, '\0\0\0', second], 3, /NUL bytes/, ['a', 'b']],
    ['two entries on one line', [header, user, second + third], 3, /holds 2 entries/, ['a', 'b', 'c']],
    ['an entry behind a torn one', [header, user, torn + third], 3, /another entry follows/, ['a', 'c']],
    ['a raw line break in a string', [header, user, raw('\n'), third], 3, /raw line break/, ['a', 'b', 'c']],
    ['a raw control character', [header, user, raw('\x01'), third], 3, /control character/, ['a', 'b', 'c']],
    ['bytes that are not UTF-8', [header, user, Buffer.from(raw('\xff'), 'latin1')], 3, /not UTF-8/, ['a', 'b']],
    [
      'a message without a role',
      [header, user, '{"type":"message","id":"x","message":{}}'],
      3,
      /without a role/,
      ['a'],
    ],
    ['a value that is no entry', [header, user, '[1]', second], 3, /not an entry/, ['a', 'b']],
    ['an entry without an id', [header, '{"type":"custom","parentId":null}', user], 2, /without an id/, ['a']],
    ['two entries with one id', [header, user, entry('a', null, { role: 'user', content: 'x' })], 3, /id "a"/, ['a']],
    ['an entry that is its own parent', [header, entry('a', 'a'), second], 2, /its own parent/, ['a', 'b']],
    ['a cycle', [header, entry('a', 'c'), second, third], 2, /begins a cycle/, ['a', 'b', 'c']],
    ['a line that nests without end', [header, user, deep(1_500)], 3, /levels deep/, ['a']],
    ['a header that is cut off', [header.slice(0, 20), user, second], 1, /is cut off/, ['a', 'b']],
  ];

  it.each(cases)(
    '%s is refused with the line and the damage, and salvage takes the rest',
    (_, lines, line, says, ids) => {
      const path = written(...lines);
      const outcome = readPiSessionFile(path, options);
      expect(outcome).toMatchObject({ kind: 'invalid', code: 'file_damaged', line });
      expect(outcome.kind === 'invalid' && outcome.message).toMatch(says);
      expect(outcome.kind === 'invalid' && outcome.message).toContain(`Line ${line} of ${path}`);
      expect(outcome.kind === 'invalid' && outcome.message).toContain('--salvage');
      const rest = salvaged(path);
      expect(rest.ids).toEqual(ids);
      expect(rest.damage).toEqual([line]);
      expect(readPiSessionFile(path, { ...options, salvage: true })).toMatchObject({
        kind: 'ok',
        messages: ids.length,
      });
    },
  );

  it('a file that ends in the middle of a line says that it is truncated', () => {
    const path = written(header, user);
    writeFileSync(path, `${header}\n${user}\n${second.slice(0, 40)}`);
    expect(readPiSessionFile(path, options)).toMatchObject({ code: 'file_truncated', line: 3 });
    expect(salvaged(path).ids).toEqual(['a']);
  });

  it('the number of further damaged lines is said', () => {
    const outcome = readPiSessionFile(written(header, user, 'x', 'y', 'z'), options);
    expect(outcome).toMatchObject({ line: 3, message: expect.stringContaining('2 more lines are damaged') as string });
  });

  it('a cycle that other entries lead into is named by its own first line, and no entry is lost', () => {
    const path = written(header, entry('a', 'c'), entry('x', null), entry('b', 'd'), entry('c', 'd'), entry('d', 'c'));
    expect(readPiSessionFile(path, options)).toMatchObject({ code: 'file_damaged', line: 5 });
    const { ids, entries } = salvaged(path);
    expect(ids).toEqual(['a', 'x', 'b', 'c', 'd']);
    const parents = new Map(entries.map((each) => [each.entry.id, each.entry.parentId]));
    for (let at: string | null | undefined = 'a', steps = 0; typeof at === 'string'; at = parents.get(at), steps++) {
      expect(steps).toBeLessThan(5);
    }
  });
});

describe('a file that only looks damaged', () => {
  it('a byte order mark, empty lines, CRLF and a last line without a line break are no damage', () => {
    const path = written(header);
    writeFileSync(path, `\ufeff${header}\r\n\r\n${user}\r\n${second}`);
    expect(readPiSessionFile(path, options)).toMatchObject({ kind: 'ok', messages: 2, damage: [], repairs: [] });
  });

  it('an entry whose parent is missing hangs on the entry in front of it, and an entry that is there twice counts once', () => {
    const path = written(header, user, entry('b', 'gone'), third, third);
    const outcome = readPiSessionFile(path, options);
    expect(outcome).toMatchObject({
      ...{ kind: 'ok', messages: 3, damage: [] },
      repairs: ['an entry that the file holds twice', 'an entry whose parent is missing'],
    });
    expect(salvaged(path).entries.map((each) => each.entry.parentId)).toEqual([null, 'a', 'b']);
  });
});

describe('an entry without what pi counts on', () => {
  const usage = { input: '12', output: '0x', cacheRead: null, totalTokens: '17', cost: { total: '0.5' } };
  const answer = (more: object) => entry('b', 'a', { role: 'assistant', content: [], ...more });
  const repairsOf = (...lines: string[]) => salvaged(written(header, user, ...lines)).repairs;

  it('a usage of texts is counted as numbers, and never shown as text', () => {
    const model = { provider: 'p', model: 'm' };
    const outcome = readPiSessionFile(written(header, user, answer({ usage, ...model })), options);
    if (outcome.kind !== 'ok') throw new Error(outcome.message);
    const counted = outcome.events.find((event) => event.type === 'token_usage_updated');
    expect(counted).toMatchObject({ tokenUsage: { input: 12, output: 0, cacheRead: 0, cacheWrite: 0, cost: 0.5 } });
    expect(outcome.repairs).toEqual(['an answer whose usage is not in numbers']);
  });

  it('an answer without a model has none in the log', () => {
    const outcome = readPiSessionFile(written(header, user, answer({ usage: null })), options);
    if (outcome.kind !== 'ok') throw new Error(outcome.message);
    expect(JSON.stringify(outcome.events)).not.toMatch(/undefined|NaN|"unknown\/unknown"/);
    expect(outcome.events[0]).toMatchObject({ type: 'session_started', model: '' });
    expect(outcome.repairs).toEqual(['an answer without its model', 'an answer without its usage']);
  });

  it('content of null, none, a text or unknown blocks becomes what pi reads', () => {
    const block = { type: 'video', url: 'x' };
    expect(repairsOf(entry('b', 'a', { role: 'user', content: null }))).toEqual(['a message without its content']);
    expect(repairsOf(entry('b', 'a', { role: 'user' }))).toEqual(['a message without its content']);
    expect(repairsOf(entry('b', 'a', { role: 'user', content: [null, block, { type: 'text' }] }))).toEqual([
      'a block that is empty',
      'a block of the unknown kind "video"',
      'a block without its text',
    ]);
    const call = { type: 'toolCall', id: 'c', name: 'bash', arguments: 'x' };
    const { entries } = salvaged(written(header, user, answer({ content: [call, { type: 'toolCall' }, 'text'] })));
    expect(entries[1]!.entry).toMatchObject({
      message: {
        content: [
          { ...call, arguments: {} },
          { type: 'text', text: 'text' },
        ],
      },
    });
  });

  it('entries of unknown kinds are counted and named', () => {
    const unknown = (id: string, type: string) => JSON.stringify({ type, id, parentId: 'a' });
    const lines = [unknown('x', 'poem'), unknown('y', 'poem'), unknown('z', 'rhyme')];
    expect(repairsOf(...lines)).toEqual([]);
    expect(readPiSessionFile(written(header, user, ...lines), options)).toHaveProperty('skipped', [
      '2 × an entry of the unknown kind "poem"',
      'an entry of the unknown kind "rhyme"',
    ]);
  });

  it('settings that name no model or level, and a name that is no text, are left out', () => {
    const other = (id: string, fields: object) => JSON.stringify({ id, parentId: 'a', ...fields });
    const path = written(
      ...[header, user],
      other('m', { type: 'model_change' }),
      other('t', { type: 'thinking_level_change', thinkingLevel: 7 }),
      other('n', { type: 'session_info', name: 5 }),
      other('k', { type: 'compaction', tokensBefore: '5x' }),
    );
    const outcome = readPiSessionFile(path, options);
    expect(outcome).toMatchObject({ kind: 'ok', name: '' });
    expect(JSON.stringify(outcome)).not.toMatch(/undefined|5x/);
  });
});

it('reading a file changes nothing in it', () => {
  const path = written(header, user, 'nonsense');
  const before = readFileSync(path);
  readPiSessionFile(path, { ...options, salvage: true });
  expect(readFileSync(path)).toEqual(before);
  expect(existsSync(path.replace('.jsonl', '.salvaged.jsonl'))).toBe(false);
});
