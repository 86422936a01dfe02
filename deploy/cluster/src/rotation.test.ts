import { expect, it } from 'vitest';
import { parseBackends } from './parseBackends.js';
import { Rotation } from './rotation.js';

const backends = parseBackends('127.0.0.1:1, 127.0.0.1:2,[::1]:3');
const [one, two, three] = backends as [(typeof backends)[0], (typeof backends)[0], (typeof backends)[0]];

it('backends are chosen in turn; one that refused comes last for a second', () => {
  let now = 0;
  const rotation = new Rotation(backends, () => now);
  expect([rotation.order(), rotation.order(), rotation.order(), rotation.order()]).toEqual([
    [one, two, three],
    [two, three, one],
    [three, one, two],
    [one, two, three],
  ]);
  rotation.refused(two);
  expect(rotation.order()).toEqual([three, one, two]);
  now += 1_001;
  rotation.refused(one);
  expect(rotation.order()).toEqual([three, two, one]);
  rotation.accepted(one);
  expect(rotation.order()).toEqual([one, two, three]);
});

it.each(['', 'x', '127.0.0.1', '127.0.0.1:0', '127.0.0.1:65536', ':80', '::1:80'])(
  'addresses such as "%s" are refused',
  (text) => {
    expect(() => parseBackends(text)).toThrowError(expect.objectContaining({ code: 'bad_option' }));
  },
);
