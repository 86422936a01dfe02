import { expect, it } from 'vitest';
import { CLOSE_CODES, restartDelay, restartReason, shouldReconnect } from './closeCodes.js';

it('every close code says whether to come back, also those that are in no table', () => {
  for (const { code, reconnect } of Object.values(CLOSE_CODES)) expect(shouldReconnect(code)).toBe(reconnect);
  expect(shouldReconnect(4100)).toBe(true);
  expect(shouldReconnect(4499)).toBe(false);
  expect(shouldReconnect(1015)).toBe(true);
});

it('a restarting gateway says how long to wait', () => {
  expect(restartDelay(restartReason(1234.4))).toBe(1234);
  expect(restartDelay('gone')).toBeUndefined();
});
