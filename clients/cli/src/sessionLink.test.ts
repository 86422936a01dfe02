import { describe, expect, it } from 'vitest';
import { parseSessionLink, parseShortLink } from './sessionLink.js';

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

it('the short address of a share link is parsed into gateway and code', () => {
  const code = 'Ab3-_F6gH9jK2mN5';
  expect(parseShortLink(`http://pizzapi.localhost:7492/l#${code}`)).toEqual({
    relayUrl: 'http://127.0.0.1:7492',
    code,
  });
  expect(parseShortLink(`https://example.com/pizza/l#${code}`)).toEqual({
    relayUrl: 'https://example.com/pizza',
    code,
  });
  for (const other of [`https://r/l/${code}`, 'https://r/l#short', `https://r/s/abc#${code}`, 'abc'])
    expect(parseShortLink(other)).toBeUndefined();
});
