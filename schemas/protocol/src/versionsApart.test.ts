import { expect, it } from 'vitest';
import { compareVersions, installLine, versionsApartText } from './versionsApart.js';

const relay = { version: '0.2.0', wire: 2 };

it.each([
  [{ version: '0.2.0', wire: 2 }, { kind: 'same' }],
  [{ version: '', wire: 2 }, { kind: 'same' }],
  [
    { version: '0.1.9', wire: 2 },
    { kind: 'older', works: true },
  ],
  [
    { version: '0.10.0', wire: 2 },
    { kind: 'newer', works: true },
  ],
  [{ version: '0.9.0' }, { kind: 'older', works: false }],
  [
    { version: '0.1.0', wire: 3 },
    { kind: 'newer', works: false },
  ],
])('a host that says %j is to a relay of 0.2.0 with wire 2: %j', (host, apart) => {
  expect(compareVersions(host, relay)).toEqual(apart);
});

it('the text says which side is older, whether they work together, and the line that updates the host', () => {
  expect(versionsApartText({ version: '0.1.0', wire: 2 }, relay, 'https://h')).toEqual({
    text: 'The host has PizzaPi 0.1.0, older than 0.2.0 of its relay',
    todo: 'Update the host: curl -fsSL https://h/install.sh | sh',
    works: true,
  });
  expect(versionsApartText({ version: '0.3.0', wire: 3 }, relay, undefined)).toEqual({
    text: 'The host has PizzaPi 0.3.0, newer than 0.2.0 of its relay, and they speak different wires (3 and 2)',
    todo: 'Update the relay, or bring the host to its version: curl -fsSL https://<relay>/install.sh | sh',
    works: false,
  });
  expect(versionsApartText(relay, relay, 'https://h')).toBeUndefined();
});

it('the line that installs a host is one that a shell reads as it is', () => {
  expect(installLine('https://h/pizza')).toBe('curl -fsSL https://h/pizza/install.sh | sh');
  expect(installLine("https://h/it's;id")).toBe(`curl -fsSL 'https://h/it'\\''s;id/install.sh' | sh`);
});
