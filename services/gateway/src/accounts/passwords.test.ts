import { describe, expect, it } from 'vitest';
import { Passwords } from './passwords.js';

const cheap = { cost: { N: 2 ** 10, r: 8, p: 1 } };

it('a password costs what it is to cost', async () => {
  expect(await new Passwords().hash('Correct horse 1')).toMatch(/^scrypt\$32768\$8\$3\$[\w-]{22}\$[\w-]{43}$/);
});

describe('the hash of a password', () => {
  it('fits the password and no other, and differs every time', async () => {
    const passwords = new Passwords(cheap);
    const [one, two] = [await passwords.hash('Correct horse 1'), await passwords.hash('Correct horse 1')];
    expect(one).not.toBe(two);
    expect(await passwords.verify('Correct horse 1', one)).toBe('right');
    expect(await passwords.verify('Correct horse 2', one)).toBe('wrong');
  });

  it('is the same for the same characters, however a keyboard composes them', async () => {
    const passwords = new Passwords(cheap);
    expect(await passwords.verify('Cafe\u0301-Cafe\u0301-1', await passwords.hash('Café-Café-1'))).toBe('right');
  });

  it.each([
    ['no account', undefined],
    ['what is no hash', 'plain'],
    ['a hash that cannot be computed', `scrypt$1000$8$1$${'A'.repeat(22)}$${'A'.repeat(43)}`],
    ['a hash that asks for too much', `scrypt$4194304$99$99$${'A'.repeat(22)}$${'A'.repeat(43)}`],
  ])('that stands for %s fits nothing', async (_what, stored) => {
    expect(await new Passwords(cheap).verify('Correct horse 1', stored)).toBe('wrong');
  });

  it('is not made when too many wait for theirs', async () => {
    const passwords = new Passwords({ ...cheap, running: 1, waiting: 1 });
    const made = await Promise.all(['a', 'b', 'c'].map((password) => passwords.hash(password)));
    expect(made.map((hash) => hash !== undefined)).toEqual([true, true, false]);
    expect(await passwords.verify('a', made[0])).toBe('right');
  });
});
