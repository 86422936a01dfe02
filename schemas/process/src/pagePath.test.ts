import { expect, it } from 'vitest';
import { pagePathOf, readPageUrl, withoutPagePath } from './pagePath.js';

it.each([
  ['https://Pizza.example:443/', 'https://pizza.example', ''],
  ['http://127.0.0.1:8080', 'http://127.0.0.1:8080', ''],
  ['https://h/pizza', 'https://h/pizza', '/pizza'],
  [' https://h/tools/pizza-pi// ', 'https://h/tools/pizza-pi', '/tools/pizza-pi'],
  ['https://h/sessions', 'https://h/sessions', '/sessions'],
])('the address of a page %s is %s, at the path "%s"', (text, url, path) => {
  expect(readPageUrl(text)).toBe(url);
  expect(pagePathOf(url)).toBe(path);
});

it.each([
  ...['https://h/?a=1', 'https://h/p?a', 'https://h/p#x', 'https://me@h', 'nats://h', 'h', 'https://a,https://b'],
  // A proxy that keeps the path could not be told from one that takes it away.
  ...['https://h/s', 'https://h/api/pizza', 'https://h/assets', 'https://h/settings/'],
  ...['https://h/a/../s', 'https://h/%73', 'https://h/a b', 'https://h/a//b', 'https://h/pizza.html'],
])('%s is no address of a page', (text) => {
  expect(readPageUrl(text)).toBeUndefined();
});

it.each([
  ['/pizza', '/'],
  ['/pizza/', '/'],
  ['/pizza?x=1', '/?x=1'],
  ['/pizza/api/sessions?limit=1', '/api/sessions?limit=1'],
  ['/api/sessions', '/api/sessions'],
  ['/pizzas/api', '/pizzas/api'],
  ['/PIZZA/api', '/PIZZA/api'],
])('a request for %s is one for %s, whether a proxy keeps the path or takes it away', (url, rest) => {
  expect(withoutPagePath(url, '/pizza')).toBe(rest);
  expect(withoutPagePath(url, '')).toBe(url);
});
