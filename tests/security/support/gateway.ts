import { connectBackbone } from '@pizzapi/backbone';
import { createGateway, type GatewayOptions } from '@pizzapi/gateway';
import { createMetrics, readGatewaySecret, silentLogger } from '@pizzapi/process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LocalStack } from '../../support/localStack.js';

export interface OneMoreGateway {
  url: string;
  port: number;
  /** How many connections are open at it. */
  connections(): Promise<number>;
  stop(): Promise<void>;
}

/** One more gateway over the backbone of a local run: the same people and sessions, told other things at its start. */
export async function startGateway(
  { home }: Pick<LocalStack, 'home'>,
  options: Partial<GatewayOptions> = {},
): Promise<OneMoreGateway> {
  const { url, users } = JSON.parse(readFileSync(join(home, 'nats', 'credentials.json'), 'utf8')) as {
    url: string;
    users: { gateway: { nkeySeed: string } };
  };
  const backbone = await connectBackbone({ url, name: 'gateway', nkey: users.gateway.nkeySeed });
  const secret = readGatewaySecret(home);
  if (secret === undefined) throw new Error('the home has no secret');
  const gateway = await createGateway({
    backbone,
    options: { host: '127.0.0.1', port: 0, secret, ...options },
    log: silentLogger,
    metrics: createMetrics(),
  });
  const { port } = await gateway.listen();
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    connections: () =>
      new Promise((resolve, reject) =>
        gateway.app.server.getConnections((error, count) => (error === null ? resolve(count) : reject(error))),
      ),
    stop: async () => {
      await gateway.stop();
      await backbone.close();
    },
  };
}
