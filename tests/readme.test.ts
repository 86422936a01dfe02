import { AUTHENTICATOR_OPTIONS } from '@pizzapi/authenticator';
import { GATEWAY_OPTIONS } from '@pizzapi/gateway';
import { LOCAL_OPTIONS } from '@pizzapi/local';
import { OPTIONS, optionsTable, type OptionSpec } from '@pizzapi/process';
import { RUNNER_OPTIONS } from '@pizzapi/runner';
import { expect, it } from 'vitest';
import { cells, documentAt } from './support/document.js';

/** Every option once, by its variable. */
const all = [OPTIONS, LOCAL_OPTIONS, GATEWAY_OPTIONS, AUTHENTICATOR_OPTIONS, RUNNER_OPTIONS].flatMap((spec) =>
  Object.values<OptionSpec>(spec),
);
const byVariable = Object.fromEntries(all.reverse().map((option) => [option.env, option]));
const sorted = Object.fromEntries(Object.entries(byVariable).sort(([a], [b]) => (a < b ? -1 : 1)));
const rows = optionsTable(sorted);
const { part } = documentAt(new URL('../README.md', import.meta.url), { options: rows });

it('the README lists every option as the code has it', () => {
  expect(part('options')).toBe(cells(rows));
});
