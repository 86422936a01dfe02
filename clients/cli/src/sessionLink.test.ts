import { describe, expect, it } from 'vitest';
import { parseSessionLink } from './sessionLink.js';

describe('the URL of a session', () => {
  it('the URL of a session is parsed into gateway, session and share token', () => {
    expect(parseSessionLink('https://relay.example/s/abc#share=a.b-c_d')).toEqual({
      relayUrl: 'https://relay.example',
      sid: 'abc',
      token: 'a.b-c_d',
    });
    expect(parseSessionLink('http://pizzapi.localhost:7492/s/abc#share=a.b.c')).toEqual({
      relayUrl: 'http://127.0.0.1:7492',
      sid: 'abc',
      token: 'a.b.c',
    });
    expect(parseSessionLink('http://127.0.0.1:7492/s/abc')).toMatchObject({ sid: 'abc', token: undefined });
    expect(parseSessionLink('https://example.com/relay/s/abc/#share=')).toEqual({
      relayUrl: 'https://example.com/relay',
      sid: 'abc',
      token: undefined,
    });
  });

  it.each([
    'abc',
    '',
    'https://',
    'https://relay.example/',
    'https://relay.example/s/',
    'file:///s/abc',
    'https://r/s/a.b',
  ])('%j is not the URL of a session', (text) => expect(parseSessionLink(text)).toBeUndefined());
});
