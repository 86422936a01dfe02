import { expect, it } from 'vitest';
import { CLOSE_CODES, restartDelay, restartReason, shouldReconnect } from './closeCodes.js';

it('every close code tells the client whether to reconnect, even a code that is in no table', () => {
  for (const { code, reconnect } of Object.values(CLOSE_CODES)) expect(shouldReconnect(code)).toBe(reconnect);
  expect(shouldReconnect(4100)).toBe(true);
  expect(shouldReconnect(4499)).toBe(false);
  expect(shouldReconnect(1015)).toBe(true);
});

it('a restarting gateway sends the time to wait before reconnecting', () => {
  expect(restartDelay(restartReason(1234.4))).toBe(1234);
  expect(restartDelay('gone')).toBeUndefined();
});
