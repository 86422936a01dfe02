import { expect, it } from 'vitest';
import { generateCredentials } from './credentials.js';
import { authorizationConfig } from './natsConfig.js';

it('nats-server refuses a host after two seconds without an authenticator, so that the host tries again', () => {
  expect(authorizationConfig(generateCredentials())).toMatch(/^authorization \{\n {2}timeout: 2\n/m);
});
