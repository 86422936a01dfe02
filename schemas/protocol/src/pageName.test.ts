import { describe, expect, it } from 'vitest';
import { programUrl } from './pageName.js';

describe('a program', () => {
  it.each([
    ['http://pizzapi.localhost:7492', 'http://127.0.0.1:7492'],
    ['http://PizzaPi.localhost:7492/', 'http://127.0.0.1:7492'],
    ['http://pizzapi.localhost:7492/s/x#share=a.b.c', 'http://127.0.0.1:7492/s/x#share=a.b.c'],
    ['http://other.localhost:7492', 'http://other.localhost:7492'],
    ['https://pizzapi.localhost.example.com', 'https://pizzapi.localhost.example.com'],
    ['nonsense', 'nonsense'],
  ])('reaches %s at %s', (url, programAddress) => {
    expect(programUrl(url)).toBe(programAddress);
  });
});
