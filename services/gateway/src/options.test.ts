import { describe, expect, it } from 'vitest';
import { readProxies } from './options.js';

describe('the list of trusted proxies', () => {
  it('takes addresses and networks', () => {
    expect(readProxies(undefined)).toEqual([]);
    expect(readProxies('127.0.0.1, 10.0.0.0/8,::1,fd00::/8')).toEqual(['127.0.0.1', '10.0.0.0/8', '::1', 'fd00::/8']);
  });

  it.each(['proxy.example', '10.0.0.0/33', '10.0.0/8', '10.0.0.1/8/8', '::1/129', '*'])('refuses %s', (text) => {
    expect(() => readProxies(text)).toThrow(expect.objectContaining({ code: 'bad_option' }) as Error);
  });
});
