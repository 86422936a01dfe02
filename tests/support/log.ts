import { adoptPartitions, connectBackbone, replay, type Backbone } from '@pizzapi/backbone';
import { decode, splitAddresses } from '@pizzapi/protocol';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RunningStack } from './localStack.js';

export interface LoggedEvent {
  seq: number;
  epoch: number;
  n: number;
  msgId: string;
  event: { type: string } & Record<string, unknown>;
}

/** Connects to the backbone of a stack with the login of a role. */
export async function connectTo(
  stage: Pick<RunningStack, 'home'>,
  role: 'admin' | 'auditor' = 'admin',
): Promise<Backbone> {
  const { url, users } = JSON.parse(readFileSync(join(stage.home, 'nats', 'credentials.json'), 'utf8')) as {
    url: string;
    users: { admin: { nkeySeed: string }; auditor: { user: string; password: string } };
  };
  const login =
    role === 'admin' ? { nkey: users.admin.nkeySeed, provisioner: true } : { ...users.auditor, imports: true };
  const backbone = await connectBackbone({ url: splitAddresses(url), name: 'test', ...login });
  if (role === 'admin') await adoptPartitions(backbone);
  return backbone;
}

/** Reads the log directly, without gateway and projections. */
export async function readLog(stage: RunningStack, sid: string): Promise<LoggedEvent[]> {
  const backbone = await connectTo(stage);
  try {
    const events: LoggedEvent[] = [];
    for await (const batch of replay(backbone, sid, {})) {
      for (const { seq, epoch, n, msgId, payload } of batch) {
        events.push({ seq, epoch, n, msgId, event: decode(payload) as LoggedEvent['event'] });
      }
    }
    return events;
  } finally {
    await backbone.close();
  }
}
