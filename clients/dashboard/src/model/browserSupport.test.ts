import { createHash } from 'node:crypto';
import { expect, it } from 'vitest';
import { browserState, bytesOf, deviceId, isIPhone, type BrowserCapabilities } from './browserSupport.js';

const on: BrowserCapabilities = {
  secure: true,
  able: true,
  iPhone: false,
  permission: 'granted',
  chosen: 'on',
  subscribed: true,
};
const state = (facts: Partial<BrowserCapabilities>) => browserState({ ...on, ...facts });

it('says first what cannot be changed from the page', () => {
  expect(state({})).toBe('push');
  expect(state({ subscribed: false })).toBe('tab');
  expect(state({ secure: false, able: false })).toBe('insecure');
  expect(state({ able: false })).toBe('unsupported');
  expect(state({ able: false, iPhone: true })).toBe('install');
  expect(state({ permission: 'denied' })).toBe('blocked');
});

it('is off until somebody has both allowed and chosen it, and after they have chosen otherwise', () => {
  expect(state({ permission: 'default' })).toBe('off');
  expect(state({ chosen: undefined, subscribed: false })).toBe('off');
  expect(state({ chosen: 'off' })).toBe('off');
});

it('knows an iPad that says it is a Mac', () => {
  const mac = 'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/18.0 Safari/605.1.15';
  expect(isIPhone({ userAgent: mac, maxTouchPoints: 5 })).toBe(true);
  expect(isIPhone({ userAgent: mac, maxTouchPoints: 0 })).toBe(false);
});

it('names a subscription as the gateway does', async () => {
  const endpoint = 'https://push.example/send/é';
  const whole = createHash('sha256').update(endpoint).digest('hex');
  expect(await deviceId(endpoint)).toBe(whole.slice(0, 32));
});

it('reads the bytes of a key, whatever they are', () => {
  const bytes = Uint8Array.from({ length: 65 }, (_, i) => 255 - i);
  expect(bytesOf(Buffer.from(bytes).toString('base64url'))).toEqual(bytes);
});
