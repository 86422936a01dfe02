import { ERROR_CODES, errorInfo } from '@pizzapi/protocol';
import { expect, it } from 'vitest';
import { forPage } from './pageErrors.js';

/** What only a terminal, or the operator of the relay, can do. */
const OF_A_TERMINAL = new Set([
  ...['unauthenticated', 'link_invalid', 'runner_token_missing', 'runner_refused'],
  ...['not_provisioned', 'not_built', 'start_failed', 'not_a_gateway', 'session_ambiguous', 'runner_ambiguous'],
  ...[
    'partitions_differ',
    'partitions_moving',
    'relay_not_included',
    'no_service_manager',
    'service_failed',
    'restore_unfinished',
  ],
  ...['wire_mismatch', 'pi_failed', 'pi_unusable', 'pi_node_too_old'],
]);

it('the hint of an error that a page can help with names no command of the terminal', () => {
  const told = ERROR_CODES.map((code) => forPage(errorInfo(code, 'It failed')))
    .filter(({ code }) => !OF_A_TERMINAL.has(code))
    .filter(({ message }) => /`(pizzapi|npm|npx)|--relay-url|resumedFrom/.test(message))
    .map(({ code }) => code);
  expect(told).toEqual([]);
});

it('what happened stays in front of the hint', () => {
  expect(forPage(errorInfo('session_not_found', 'There is no session s_1')).message).toBe(
    'There is no session s_1. Choose one of your sessions from the list.',
  );
  const own = { code: 'session_not_found', message: 'Another sentence.' };
  expect(forPage(own)).toBe(own);
});
