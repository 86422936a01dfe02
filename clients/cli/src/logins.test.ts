import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { homeLayout } from '@pizzapi/process';
import { forgetLogin, lastLogin, loginAt, relayName, rememberLogin } from './logins.js';

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'pizzapi-logins-'));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

describe('the logins of a home', () => {
  it('a stored key is found by the address of its gateway, in any spelling', () => {
    rememberLogin(home, 'https://Relay.example/', 'pzk_a');
    const ways = ['https://relay.example', 'wss://relay.example/', 'https://relay.example:443'];
    expect(ways.map((url) => loginAt(home, url))).toEqual(['pzk_a', 'pzk_a', 'pzk_a']);
    expect(loginAt(home, 'http://relay.example')).toBeUndefined();
    expect(loginAt(home, 'https://relay.example.evil')).toBeUndefined();
    expect(relayName('https://example.com/relay/')).toBe('https://example.com/relay');
  });

  it('the last gateway is the one with the latest sign-in', () => {
    for (const [url, key] of [
      ['https://a', '1'],
      ['https://b', '2'],
      ['https://a', '3'],
    ] as const)
      rememberLogin(home, url, key);
    expect([lastLogin(home), loginAt(home, 'https://a'), loginAt(home, 'https://b')]).toEqual(['https://a', '3', '2']);
    forgetLogin(home, 'https://a');
    expect(lastLogin(home)).toBe('https://b');
    expect(readdirSync(home)).toEqual(['login.json']);
  });

  it.each(['', '{', '[]', '{"relays":[1]}', '{"relays":{"https://a":{"apiKey":5}}}'])(
    'a login file that holds %j has no keys',
    (text) => {
      writeFileSync(homeLayout(home).loginFile, text);
      expect([loginAt(home, 'https://a'), lastLogin(home)]).toEqual([undefined, undefined]);
    },
  );

  it('say so when they cannot be kept', () => {
    mkdirSync(homeLayout(home).loginFile);
    expect(() => rememberLogin(home, 'https://a', '1')).toThrow(/login\.json cannot be written \(\w+\)/);
  });
});
