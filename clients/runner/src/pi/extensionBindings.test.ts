import type { AgentSession } from '@mariozechner/pi-coding-agent';
import { expect, it } from 'vitest';
import type { CoalesceClock } from './coalesce.js';
import { bindExtensions } from './extensionBindings.js';
import { SessionParts } from './parts.js';

it.each([
  [0, 1],
  [1, 0],
])('an extension that does not start is reported, except while %i questions are open', (open, reports) => {
  const due: (() => void)[] = [];
  const clock: CoalesceClock = { now: () => 0, after: (_ms, fn) => (due.push(fn), () => undefined) };
  const { dialogs } = new SessionParts({ event: () => undefined, delta: () => undefined });
  for (let n = 0; n < open; n++) void dialogs.ask({ method: 'input', title: 'Name?' });
  const errors: string[] = [];
  const pi = {
    extensionRunner: { getExtensionPaths: () => ['<inline:1>', '/x/slow.ts'] },
    bindExtensions: () => new Promise(() => undefined),
  } as unknown as AgentSession;
  void bindExtensions(
    pi,
    { dialogs, clock, trust: undefined },
    { onShutdown: () => undefined, onError: (text) => errors.push(text) },
  );
  for (const fn of due) fn();
  expect(errors).toHaveLength(reports);
  for (const text of errors) expect(text).toContain('(/x/slow.ts)');
});
