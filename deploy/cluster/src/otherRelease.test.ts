import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { otherRelease, RELEASES_FILE } from './otherRelease.js';

const home = mkdtempSync(join(tmpdir(), 'pizzapi-releases-'));
afterAll(() => rmSync(home, { recursive: true }));

it('a process starts from the checkout that the file names for it, and a gateway serves the page of that release', () => {
  expect(otherRelease(home, 'gateway-1', 'gateway', {})).toBeUndefined();
  writeFileSync(join(home, RELEASES_FILE), JSON.stringify({ 'gateway-1': '/old', 'runner-2': '/old' }));
  expect(otherRelease(home, 'gateway-1', 'gateway', { A: '1' })).toEqual({
    main: '/old/services/gateway/dist/bundle/main.js',
    env: { A: '1', PIZZAPI_DASHBOARD: '/old/clients/dashboard/dist' },
  });
  expect(otherRelease(home, 'runner-2', 'runner', {})).toEqual({
    main: '/old/clients/runner/dist/bundle/main.js',
    env: {},
  });
  expect(otherRelease(home, 'gateway-2', 'gateway', {})).toBeUndefined();
});
