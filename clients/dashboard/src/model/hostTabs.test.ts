import { expect, it } from 'vitest';
import { hostRights } from './hostTabs.js';

const OWNER = { isOwner: true, mayReadFiles: false };

it('the owner may do on a host what the token of its runner allows', () => {
  expect(hostRights(OWNER, { kind: 'daemon' })).toContain('terminals');
  expect(hostRights(OWNER, { kind: 'daemon', allow: ['sessions', 'files:read'] })).toEqual(['sessions', 'files:read']);
});

it('a terminal that shares its session takes no requests, and neither does a host that is not known', () => {
  expect(hostRights(OWNER, { kind: 'tui' })).toEqual([]);
  expect(hostRights(OWNER, undefined)).toEqual([]);
});

it('a guest may do nothing on a host, or read files if the link says so', () => {
  expect(hostRights({ isOwner: false, mayReadFiles: false }, { kind: 'daemon' })).toEqual([]);
  expect(hostRights({ isOwner: false, mayReadFiles: true }, undefined)).toEqual(['files:read']);
});
