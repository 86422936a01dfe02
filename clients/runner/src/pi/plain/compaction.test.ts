import { expect, it, vi } from 'vitest';
import { PlainCompaction } from './compaction.js';

type Observed = Parameters<ConstructorParameters<typeof PlainCompaction>[0]>[0];

function follow() {
  const events: Observed[] = [];
  const compaction = new PlainCompaction((event) => events.push(event));
  return { events, compaction };
}

const RESULT = { summary: 'Dough', firstKeptEntryId: 'e1', tokensBefore: 9 };

it('a compaction of a plain pi begins and ends once in the log', () => {
  const { events, compaction } = follow();
  compaction.begun('threshold', new AbortController().signal);
  expect(compaction.isActive).toBe(true);
  compaction.ended(RESULT);
  compaction.failed('late', false);
  expect(events).toEqual([
    { type: 'compaction_start', reason: 'threshold' },
    { type: 'compaction_end', reason: 'threshold', willRetry: false, result: RESULT, aborted: false },
  ]);
});

it('a compaction that is aborted has ended', () => {
  const { events, compaction } = follow();
  const abort = new AbortController();
  compaction.begun('manual', abort.signal);
  abort.abort();
  expect(compaction.isActive).toBe(false);
  expect(events.at(-1)).toMatchObject({ type: 'compaction_end', aborted: true });
});

it('a compaction whose end pi does not report has failed after its time', () => {
  vi.useFakeTimers();
  try {
    const { events, compaction } = follow();
    compaction.begun('manual', new AbortController().signal);
    vi.advanceTimersByTime(120_000);
    expect(events.at(-1)).toMatchObject({
      type: 'compaction_end',
      aborted: false,
      errorMessage: expect.any(String) as string,
    });
  } finally {
    vi.useRealTimers();
  }
});
