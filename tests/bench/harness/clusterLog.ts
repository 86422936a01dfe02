import { connectBackbone, replay } from '@pizzapi/backbone';
import { createTranscript, decode, foldTranscript, isMap, stringAt, type UnknownMap } from '@pizzapi/protocol';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ClusterStack } from './clusterStack.js';

export interface ClusterLogEntry {
  seq: number;
  epoch: number;
  n: number;
  msgId: string;
  event: UnknownMap;
}

/** Reads the log of a session directly, without gateways and projections. */
export async function readClusterLog({ home, natsUrls }: ClusterStack, sid: string): Promise<ClusterLogEntry[]> {
  const stored: unknown = JSON.parse(readFileSync(join(home, 'nats', 'credentials.json'), 'utf8'));
  const at = (value: unknown, key: string): unknown => (isMap(value) ? value[key] : undefined);
  const nkey = at(at(at(stored, 'users'), 'admin'), 'nkeySeed');
  if (typeof nkey !== 'string') throw new Error(`${home} has no login of the provisioner`);
  const backbone = await connectBackbone({ url: natsUrls, name: 'cluster-log', nkey, provisioner: true });
  try {
    const log: ClusterLogEntry[] = [];
    for await (const batch of replay(backbone, sid, {}))
      for (const { seq, epoch, n, msgId, payload } of batch) {
        const event = decode(payload);
        log.push({ seq, epoch, n, msgId, event: isMap(event) ? event : {} });
      }
    return log;
  } finally {
    await backbone.close();
  }
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/** The digests that a viewer has which received each event of the log once, in order. */
export function digestsOf(log: readonly ClusterLogEntry[]): { events: string; transcript: string } {
  const events = log.map(({ seq, event }) => `${seq} ${JSON.stringify(event)}\n`).join('');
  const { items } = foldTranscript(
    createTranscript(),
    log.map(({ seq, event }) => [seq, event] as const),
  );
  return { events: sha256(events), transcript: sha256(JSON.stringify(items)) };
}

/** Returns what is wrong with a log: events that are missing or doubled, and inputs that did not arrive exactly once. */
export function problemsOfLog(log: readonly ClusterLogEntry[], commandIds: readonly string[]): string[] {
  const problems: string[] = [];
  if (new Set(log.map(({ msgId }) => msgId)).size !== log.length) problems.push('an event is stored twice');
  for (const epoch of new Set(log.map((entry) => entry.epoch))) {
    const counts = log.filter((entry) => entry.epoch === epoch).map(({ n }) => n);
    if (counts.some((count, index) => count !== counts[0]! + index))
      problems.push(`an event of epoch ${epoch} is missing or out of order`);
  }
  const delivered = log.flatMap(({ event }) =>
    event['type'] === 'input_delivered' ? [stringAt(event, 'commandId') ?? ''] : [],
  );
  for (const id of commandIds) {
    const times = delivered.filter((each) => each === id).length;
    if (times !== 1) problems.push(`the input ${id} was delivered ${times} times`);
  }
  return problems;
}
