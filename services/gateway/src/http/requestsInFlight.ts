import type { FastifyInstance } from 'fastify';

/**
 * Counts the requests that have no answer yet, so that a gateway that ends can wait for them. While the gateway drains,
 * each answer closes its connection: the next request of that client reaches another gateway.
 */
export class RequestsInFlight {
  private open = 0;

  constructor(app: FastifyInstance, isDraining: () => boolean) {
    app.addHook('onRequest', async (request, reply) => {
      // A WebSocket is open for long, and has its own way to leave.
      if (request.ws) return;
      this.open++;
      reply.raw.once('close', () => this.open--);
    });
    app.addHook('onSend', async (_request, reply) => {
      if (isDraining()) reply.header('connection', 'close');
    });
  }

  get count(): number {
    return this.open;
  }
}
