import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventProblem, type EventOf, type SessionEvent, type SessionEventType } from '@pizzapi/protocol';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { readPiSessionFile } from './sessionImport.js';
import { openTestSession } from './testKit.js';

const FIXTURE = join(import.meta.dirname, '../../../../tests/fixtures/pi-session-large.jsonl');
const options = { userId: 'ann', runnerId: 'r1', piVersion: '1', epoch: 1 };
const folder = mkdtempSync(join(tmpdir(), 'pizzapi-import-'));
afterAll(() => rmSync(folder, { recursive: true }));

function written(text: string): string {
  const path = join(folder, 'session.jsonl');
  writeFileSync(path, text);
  return path;
}

function ok(path: string) {
  const outcome = readPiSessionFile(path, options);
  if (outcome.kind === 'invalid') throw new Error(outcome.message);
  return outcome;
}

const of = <T extends SessionEventType>(events: SessionEvent[], type: T) =>
  events.filter((event) => event.type === type) as unknown as EventOf<T>[];

describe('a recorded session of pi’s first format', () => {
  const { events, entries, messages } = ok(FIXTURE);

  it('becomes well-formed events, from its start to its end', () => {
    expect({ entries, messages }).toEqual({ entries: 1_018, messages: 914 });
    expect(events.map(eventProblem).filter((problem) => problem !== undefined)).toEqual([]);
    expect(events[0]).toMatchObject({ type: 'session_started', model: 'anthropic/claude-sonnet-4-5' });
    expect(events.at(-1)).toMatchObject({ type: 'session_ended', reason: 'completed' });
    expect(of(events, 'session_tree')).toEqual([]);
    expect(of(events, 'token_usage_updated')[0]!.tokenUsage.cost).toBeGreaterThan(1);
  });

  it('keeps every message whole and in order, under an id of its own', () => {
    const ends = of(events, 'message_end');
    const lines = readFileSync(FIXTURE, 'utf8').trim().split('\n');
    const recorded = lines
      .map((line) => JSON.parse(line) as { type: string; message: { role: string; content: unknown[] } })
      .filter((entry) => entry.type === 'message');
    const said = (content: unknown) =>
      (content as { text?: string; name?: string }[]).map((block) => block.text ?? block.name);
    expect(ends.map((e) => [e.message.role, said(e.message.content)])).toEqual(
      recorded.map(({ message }) => [message.role, said(message.content)]),
    );
    expect(of(events, 'message_start').map((e) => e.messageId)).toEqual(ends.map((e) => e.messageId));
    expect(new Set(ends.map((e) => e.messageId)).size).toBe(914);
  });

  it('starts each tool before it ends it', () => {
    const started = new Set<string>();
    for (const event of events) {
      if (event.type === 'tool_execution_start') started.add(event.toolCallId);
      if (event.type === 'tool_execution_end') expect(started).toContain(event.toolCallId);
    }
    expect(started.size).toBe(391);
  });

  it('gives the same events again', () => {
    expect(ok(FIXTURE).events).toEqual(events);
  });
});

describe('a session of today', () => {
  it('imports as the messages that its log has', async () => {
    vi.stubEnv('PIZZAPI_DEMO_SPEED', 'instant');
    const test = await openTestSession({ name: 'Today' });
    const { session, log } = test;
    await session.submitInput({ commandId: 'c1', text: '/demo edit' });
    await log.next('agent_end');
    const { events, name } = ok(session.sessionFile!);
    const ended = (all: SessionEvent[]) => of(all, 'message_end').map(({ entryId, message }) => ({ entryId, message }));
    expect(ended(events)).toEqual(ended(log.events));
    expect(name).toBe('Today');
    await test.close();
    vi.unstubAllEnvs();
  });

  it('shows a jump to another branch', () => {
    const entry = (id: string, parentId: string | null, role = 'user') =>
      JSON.stringify({ type: 'message', id, parentId, timestamp: '2026-01-01', message: { role, content: id } });
    const header = JSON.stringify({ type: 'session', version: 3, id: 's', timestamp: '2026-01-01', cwd: '/' });
    const { events } = ok(written([header, entry('a', null), entry('b', 'a'), entry('c', 'a')].join('\n')));
    expect(of(events, 'session_tree')).toMatchObject([{ oldLeafId: 'b', newLeafId: 'a' }]);
    expect(of(events, 'message_end').map((e) => e.entryId)).toEqual(['a', 'b', 'c']);
  });
});
