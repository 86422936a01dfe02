import { describe, expect, it } from 'vitest';
import { isAtPageName, pageUrl } from './pageAddress.js';

describe('the page', () => {
  it.each([
    [undefined, '127.0.0.1', 'http://pizzapi.localhost:7492'],
    [undefined, 'localhost', 'http://pizzapi.localhost:7492'],
    [undefined, '::1', 'http://pizzapi.localhost:7492'],
    [undefined, '0.0.0.0', 'http://pizzapi.localhost:7492'],
    [undefined, '192.168.1.5', 'http://192.168.1.5:7492'],
    [undefined, 'fd00::5', 'http://[fd00::5]:7492'],
    ['https://app.example.com', '127.0.0.1', 'https://app.example.com'],
    ['http://127.0.0.1:7492', '127.0.0.1', 'http://127.0.0.1:7492'],
  ])('of %s at %s is %s', (publicUrl, host, url) => {
    expect(pageUrl(publicUrl, host, 7492)).toBe(url);
  });

  it('has the name of its own only where that leads to it', () => {
    expect(['127.0.0.1', '127.1.2.3', '::'].every(isAtPageName)).toBe(true);
    expect(['127.example.com', '10.0.0.1', 'gateway'].some(isAtPageName)).toBe(false);
  });
});
