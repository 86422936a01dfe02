import { createMetrics, silentLogger } from '@pizzapi/process';
import type { Delivery } from '@pizzapi/process/notify';
import type { PushPayload } from '@pizzapi/protocol';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { createNotifierMetrics } from './metrics.js';
import { DeliveryQueue, type DeliveryTarget } from './deliveryQueue.js';

const payload = (tag: string, body = tag): PushPayload => ({
  ...{ kind: 'input', sessionId: tag, title: 't', url: '/s/x', at: 1 },
  ...{ tag, body },
});

/** Somebody who takes what comes only when told to. */
class Addressee {
  readonly sent: string[] = [];
  private readonly answers: ((delivery: Delivery) => void)[] = [];
  readonly target: DeliveryTarget;

  constructor(key: string) {
    this.target = {
      ...{ key, channel: 'push', host: 'push.example' },
      send: ({ body }) => {
        this.sent.push(body);
        return new Promise((resolve) => this.answers.push(resolve));
      },
    };
  }

  async answer(delivery: Delivery = { kind: 'delivered' }): Promise<void> {
    await vi.waitFor(() => expect(this.answers.length).toBeGreaterThan(0));
    this.answers.shift()!(delivery);
    // What follows an answer happens in the microtasks behind it.
    await new Promise(setImmediate);
  }
}

function outbox(retryMs: readonly number[] = []) {
  const metrics = createMetrics();
  const box = new DeliveryQueue({ log: silentLogger, metrics: createNotifierMetrics(metrics), retryMs });
  const counted = async (text: string) => (await metrics.render()).includes(`pizzapi_notifications_${text}\n`);
  return { box, counted };
}

afterEach(() => vi.useRealTimers());

describe('what is to be sent', () => {
  it('goes to each one after the other, and to many at once', async () => {
    const { box } = outbox();
    const [phone, tablet] = [new Addressee('phone'), new Addressee('tablet')];
    for (const tag of ['a', 'b']) for (const { target } of [phone, tablet]) box.enqueue(target, payload(tag));
    expect([phone.sent, tablet.sent]).toEqual([['a'], ['a']]);
    await phone.answer();
    expect([phone.sent, tablet.sent]).toEqual([['a', 'b'], ['a']]);
  });

  it('gives way to what is newer of the same session, while it waits or is tried again', async () => {
    const { box, counted } = outbox([0]);
    const phone = new Addressee('phone');
    for (const body of ['one', 'two', 'three']) box.enqueue(phone.target, payload('s', body));
    await phone.answer({ kind: 'failed', message: 'busy' });
    await vi.waitFor(() => expect(phone.sent).toEqual(['one', 'three']));
    expect(await counted('dropped_total{reason="replaced"} 2')).toBe(true);
  });

  it('is bounded for each: with more, the oldest goes', async () => {
    const { box, counted } = outbox();
    const phone = new Addressee('phone');
    for (let i = 0; i < 60; i++) box.enqueue(phone.target, payload(`s${i}`));
    expect(await counted('dropped_total{reason="full"} 10')).toBe(true);
    expect(await counted('waiting{stage="sending"} 50')).toBe(true);
    await phone.answer();
    expect(phone.sent).toEqual(['s0', 's11']);
  });

  it('is given up when it cannot be made, and holds up nothing', async () => {
    const { box, counted } = outbox();
    const phone = new Addressee('phone');
    const send = vi.fn().mockRejectedValueOnce(new TypeError('a bug'));
    box.enqueue(
      {
        ...phone.target,
        send: (one) => (send.mock.calls.length === 0 ? send(one) : phone.target.send(one)) as Promise<Delivery>,
      },
      payload('a'),
    );
    box.enqueue(phone.target, payload('b'));
    await vi.waitFor(() => expect(phone.sent).toEqual(['b']));
    expect(await counted('sent_total{channel="push",outcome="refused"} 1')).toBe(true);
  });

  it('is finished at the end, as far as it goes in time; the rest is counted', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const { box, counted } = outbox([3_600_000]);
    const [phone, hanging, busy] = [new Addressee('phone'), new Addressee('hanging'), new Addressee('busy')];
    box.enqueue(busy.target, payload('a'));
    await busy.answer({ kind: 'failed', message: 'busy' });
    for (const { target } of [phone, hanging]) box.enqueue(target, payload('a'));
    box.enqueue(phone.target, payload('b'));
    const over = box.stop(60_000);
    await phone.answer();
    await phone.answer();
    vi.advanceTimersByTime(60_000);
    await over;
    expect(phone.sent).toEqual(['a', 'b']);
    expect(await counted('dropped_total{reason="stopped"} 2')).toBe(true);
    box.enqueue(phone.target, payload('c'));
    await hanging.answer();
    expect([phone.sent.length, await counted('waiting{stage="sending"} 0')]).toEqual([2, true]);
  });
});
