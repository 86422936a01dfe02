import { AUTHENTICATOR_OPTIONS } from '@pizzapi/authenticator';
import { RESTORE_OPTIONS } from '@pizzapi/backbone';
import { GATEWAY_OPTIONS } from '@pizzapi/gateway/options';
import { PROJECTOR_OPTIONS } from '@pizzapi/meta-projector/options';
import { readOptions, type OptionSpec, type OptionsSpec } from '@pizzapi/process';
import { RUNNER_OPTIONS } from '@pizzapi/runner/options';
import { expect, it } from 'vitest';
import { parseManifests, readRendering } from './manifests.js';
import { settingsOf } from './settings.js';

const OPTIONS: Readonly<Record<string, OptionsSpec>> = {
  gateway: GATEWAY_OPTIONS,
  projector: PROJECTOR_OPTIONS,
  authenticator: AUTHENTICATOR_OPTIONS,
  runner: RUNNER_OPTIONS,
  // A restore is a Job that is made from the backup.
  backup: RESTORE_OPTIONS,
};
/** The loggers read this one; the runner has a home folder. */
const OF_EVERY_PROCESS = ['PIZZAPI_LOG_LEVEL', 'HOME'];

const renderings = { base: readRendering('base'), production: readRendering('production') };

it.each(Object.entries(renderings))(
  'each variable of %s is an option of its process, with a value that it accepts',
  (_name, base) => {
    const manifests = [...base, ...readRendering('runner'), ...readRendering('backup')];
    for (const [component, options] of Object.entries(OPTIONS)) {
      const settings = settingsOf(manifests, component);
      const known = Object.values<OptionSpec>(options).map(({ env }) => env);
      const unknown = [...settings.keys()].filter((name) => !known.includes(name) && !OF_EVERY_PROCESS.includes(name));
      expect([component, unknown]).toEqual([component, []]);
      const texts = [...settings].flatMap(([name, setting]) => (setting.kind === 'text' ? [[name, setting.text]] : []));
      expect(() => readOptions(options, {}, Object.fromEntries(texts) as NodeJS.ProcessEnv)).not.toThrow();
    }
  },
);

it('a setting is a text, a field of the pod, or a key of a Secret that the pod has as a variable or as a file', () => {
  const settings = settingsOf(readRendering('production'), 'gateway');
  expect(settings.get('PIZZAPI_SIGNUP')).toEqual({ kind: 'text', text: 'closed' });
  expect(settings.get('PIZZAPI_NATS_NKEY')).toEqual({ kind: 'secret', key: 'gateway-nkey' });
  const nats = settingsOf(readRendering('production'), 'nats');
  expect(nats.get('NATS_ROUTE_PASSWORD')).toEqual({ kind: 'secret', key: 'route-password' });
  expect(nats.get('POD_NAME')).toEqual({ kind: 'field', path: 'metadata.name' });
});

it('a file of a secret that the pod does not mount is refused', () => {
  const pod = (mountPath: string) => `
apiVersion: apps/v1
kind: Deployment
metadata: { name: a }
spec:
  template:
    metadata: { labels: { app.kubernetes.io/component: a } }
    spec:
      containers:
        - name: a
          env: [{ name: A_KEY_FILE, value: /secrets/key }]
          volumeMounts: [{ name: secrets, mountPath: ${mountPath} }]
      volumes: [{ name: secrets, secret: { secretName: s, items: [{ key: the-key, path: key }] } }]`;
  const settings = (text: string) => Object.fromEntries(settingsOf(parseManifests(text), 'a'));
  expect(settings(pod('/secrets'))).toEqual({ A_KEY: { kind: 'secret', key: 'the-key' } });
  expect(() => settings(pod('/elsewhere'))).toThrow('No Secret is mounted as /secrets/key');
});
