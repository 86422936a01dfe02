import type { NatsConnectionImpl } from '@nats-io/nats-core/internal';
import { expect, it } from 'vitest';
import { dialNats } from './natsDial.js';
import { startTestNats } from './testing/index.js';
import { WireParser } from './wireParser.js';

it('a connection has a parser of ours, also when it has reconnected, and its messages arrive', async () => {
  const nats = await startTestNats();
  const nc = await dialNats([nats.url], { reconnectTimeWait: 10 }, {});
  try {
    const { protocol } = nc as NatsConnectionImpl;
    const texts: string[] = [];
    nc.subscribe('said', { callback: (_error, message) => void texts.push(message.string()) });
    const say = async (text: string): Promise<void> => {
      nc.publish('said', text);
      await nc.flush();
    };
    const first = protocol.parser;
    expect(first).toBeInstanceOf(WireParser);
    await say('before');
    const reconnected = (async () => {
      for await (const { type } of nc.status()) if (type === 'reconnect') return;
    })();
    await nc.reconnect();
    await reconnected;
    expect(protocol.parser).toBeInstanceOf(WireParser);
    expect(protocol.parser).not.toBe(first);
    await say('after');
    expect(texts).toEqual(['before', 'after']);
  } finally {
    await nc.close();
    await nats.stop();
  }
});
