import { expect, it } from 'vitest';
import { pathBelow } from './pagePath.js';

it.each([
  ['/pizza/s/s_1', '/pizza', '/s/s_1'],
  ['/pizza', '/pizza', '/'],
  ['/pizza/', '/pizza', '/'],
  ['/pizzas/s/s_1', '/pizza', '/pizzas/s/s_1'],
  ['/s/s_1', '', '/s/s_1'],
  ['/', '', '/'],
])('%s at the path "%s" is the page %s', (pathname, pagePath, path) => {
  expect(pathBelow(pathname, pagePath)).toBe(path);
});
