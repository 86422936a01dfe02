import { CodedError, refuseDeepJson } from '@pizzapi/protocol';
import type { FastifyInstance } from 'fastify';

/**
 * Reads JSON bodies. One that nests too deep is refused (`too_deep`) before anything walks through it; keys that reach
 * for a prototype are refused as fastify does by itself.
 */
export function registerJsonBodies(app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser('error', 'error');
  app.removeContentTypeParser('application/json');
  app.addContentTypeParser<string>('application/json', { parseAs: 'string' }, (request, body, done) => {
    try {
      refuseDeepJson(body);
    } catch (error) {
      if (error instanceof CodedError) return done(error);
      throw error;
    }
    return void parse(request, body, done);
  });
}
