import { expect, it } from 'vitest';
import { commandFor, pairCommand } from './commands.js';

const key = { id: 'k', kind: 'runner', name: 'box', hint: 'pzr_abcd', createdAt: 0 } as const;

it('a fresh key comes with the command it is for', () => {
  const reply = { key, token: 'pzr_x', natsUrl: 'tls://nats.example.com:4222' };
  expect(commandFor('runner', reply, 'https://pi.example.com')).toBe(
    'PIZZAPI_RUNNER_TOKEN=pzr_x PIZZAPI_NATS_URL=tls://nats.example.com:4222 npx pizzapi runner',
  );
  expect(commandFor('runner', { key, token: 'pzr_x' }, '')).toBe('PIZZAPI_RUNNER_TOKEN=pzr_x npx pizzapi runner');
  expect(commandFor('user', { key, token: 'pzk_x' }, 'https://pi.example.com')).toBe(
    'PIZZAPI_API_KEY=pzk_x PIZZAPI_RELAY_URL=https://pi.example.com npx pizzapi sessions',
  );
});

it('a machine without a token is told where to ask for one', () => {
  expect(pairCommand('https://pi.example.com')).toBe('npx pizzapi runner pair --relay-url https://pi.example.com');
});

it('a program is told where it finds this machine, which is not the name of the page', () => {
  const page = 'http://pizzapi.localhost:7492';
  expect(pairCommand(page)).toBe('npx pizzapi runner pair --relay-url http://127.0.0.1:7492');
  expect(commandFor('user', { key, token: 'pzk_x' }, page)).toContain('PIZZAPI_RELAY_URL=http://127.0.0.1:7492 ');
});

it('what a shell would take apart is quoted', () => {
  const reply = { key, token: 'pzr_x', natsUrl: "nats://a;rm 'x'" };
  expect(commandFor('runner', reply, '')).toContain(`PIZZAPI_NATS_URL='nats://a;rm '\\''x'\\'''`);
});
