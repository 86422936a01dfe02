import type { StoredRecord } from '@pizzapi/backbone';
import { createMetrics, silentLogger } from '@pizzapi/process';
import { encode, subjects, type SessionEvent, type SessionMetaRow, type SessionRow } from '@pizzapi/protocol';
import { expect, it } from 'vitest';
import { MemoryBucket } from './memoryBucket.js';
import { createProjectorMetrics } from './metrics.js';
import { SessionProjection } from './sessionProjection.js';
import { started } from './testing/events.js';

interface Buckets {
  rows: MemoryBucket<SessionRow>;
  metas: MemoryBucket<SessionMetaRow>;
}

const emptyBuckets = (): Buckets => ({ rows: new MemoryBucket(), metas: new MemoryBucket() });

function projectInto(buckets: Buckets): SessionProjection {
  const metrics = createProjectorMetrics(createMetrics());
  const history = async function* () {
    yield await Promise.resolve([]);
  };
  const owners = async () => new Map([['s', { userId: 'u', epoch: 1 }]]);
  return new SessionProjection({ ...buckets, owners, log: silentLogger, metrics, history });
}

function logOf(events: readonly SessionEvent[]): StoredRecord[] {
  return events.map((event, index) => {
    const offsets = { seq: index + 1, prevSeq: index, n: index + 1 };
    const { type, at } = event;
    const payload = encode(event);
    return { ...offsets, type, at, epoch: 1, msgId: '', payload, subject: subjects.sessionEvents('s') };
  });
}

const todo = (id: number): SessionEvent => ({
  type: 'todo_updated',
  at: id,
  todoList: [{ id, text: 'todo', status: 'pending' }],
});

it('two projectors that fold one session concurrently lose no change of its meta state', async () => {
  const working: SessionEvent = { type: 'agent_start', at: 1 };
  const log = logOf([started('s'), todo(1), working, todo(2), todo(3), todo(4)]);
  const shared = emptyBuckets();
  const [one, other] = [projectInto(shared), projectInto(shared)];
  const fold = async (projection: SessionProjection, from: number, to: number) => {
    await projection.apply(log.slice(from, to));
    await projection.flush();
  };
  await fold(one, 0, 2);
  await fold(other, 0, 5);
  // Writes a row that changes no meta state, and meets the later row of the other projector.
  await fold(one, 2, 3);
  await fold(one, 3, 6);
  await fold(other, 5, 6);
  const alone = emptyBuckets();
  await fold(projectInto(alone), 0, 6);
  expect((await shared.metas.get('s'))?.value).toEqual((await alone.metas.get('s'))?.value);
  expect((await shared.rows.get('u.s'))?.value).toEqual((await alone.rows.get('u.s'))?.value);
});
