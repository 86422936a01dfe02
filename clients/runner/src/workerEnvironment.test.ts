import { EXPORTER_SECRETS, OPTIONS, type OptionSpec } from '@pizzapi/process';
import { expect, it } from 'vitest';
import { withoutSecrets } from './workerEnvironment.js';

it('no program of an agent inherits a secret of ours, nor the name of a file with one', () => {
  const secrets = Object.values<OptionSpec>(OPTIONS).filter(({ secret }) => secret === true);
  const ours = Object.fromEntries(secrets.flatMap(({ env }) => [env, `${env}_FILE`].map((name) => [name, 'x'])));
  expect(Object.keys(ours)).toEqual(expect.arrayContaining(['PIZZAPI_RUNNER_TOKEN', 'PIZZAPI_RUNNER_TOKEN_FILE']));
  const env = { PATH: '/bin', ANTHROPIC_API_KEY: 'sk', PIZZAPI_HOME: '/data' };
  const exporter = Object.fromEntries(EXPORTER_SECRETS.map((name) => [name, 'x-team=x']));
  expect(Object.keys(exporter)).toContain('OTEL_EXPORTER_OTLP_HEADERS');
  expect(withoutSecrets({ ...env, ...ours, ...exporter, PIZZAPI_NATS_USER: 'me' })).toEqual(env);
});
