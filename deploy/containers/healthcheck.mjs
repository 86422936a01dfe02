/** The health check of an image: exits with 0 when the process in the container is ready, and with 1 otherwise. */
import { request } from 'node:http';

const TIMEOUT_MS = 4_000;

const ask = request(
  { host: '127.0.0.1', port: process.env.PIZZAPI_HEALTH_PORT, path: '/readyz', timeout: TIMEOUT_MS },
  ({ statusCode }) => process.exit(statusCode === 200 ? 0 : 1),
);
ask.on('timeout', () => process.exit(1));
ask.on('error', () => process.exit(1));
ask.end();
