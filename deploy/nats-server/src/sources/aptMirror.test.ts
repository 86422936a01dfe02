import { expect, test } from 'vitest';
import { distributionArchive, parseDeb822, parseOneLine } from './aptMirror.js';

const DEB822 = `Types: deb
# a comment between the fields
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main

Types: deb-src
URIs: http://source.example/debian
Suites: bookworm
Components: main

Enabled: no
Types: deb
URIs: http://off.example/debian
Suites: bookworm
Components: main
`;

test('parseDeb822 returns the archives without source archives and disabled stanzas', () => {
  expect(parseDeb822(DEB822).map(({ uri }) => uri)).toEqual([
    'http://mirror.example/debian',
    'http://mirror.example/debian-security',
  ]);
});

test('parseDeb822 reads a field that continues on the next line, and an embedded key', () => {
  const [archive] = parseDeb822(
    'Types: deb\nURIs: http://a.example/\nSuites: x\n y\nComponents: main\nSigned-By:\n -----BEGIN',
  );
  expect(archive).toMatchObject({ suites: ['x', 'y'], signedBy: null });
});

test('parseOneLine reads entries with options and comments', () => {
  const text = [
    '# deb http://commented.example/ubuntu noble main',
    'deb [arch=amd64 signed-by=/k.gpg] http://a.example/ubuntu noble main universe # why',
    'deb-src http://b.example/ubuntu noble main',
    'deb http://c.example/ubuntu noble-updates main',
  ].join('\n');
  expect(parseOneLine(text)).toEqual([
    { uri: 'http://a.example/ubuntu', suites: ['noble'], components: ['main', 'universe'], signedBy: '/k.gpg' },
    { uri: 'http://c.example/ubuntu', suites: ['noble-updates'], components: ['main'], signedBy: null },
  ]);
});

test('distributionArchive prefers the archive of the distribution to a third party with the same suite', () => {
  const archives = [
    ...parseOneLine('deb https://vendor.example/apt bookworm main\ndeb cdrom:[disc]/ bookworm main'),
    ...parseDeb822(DEB822),
  ];
  expect(distributionArchive(archives, 'debian', 'bookworm')?.uri).toBe('http://mirror.example/debian');
});

test('distributionArchive returns null when no archive belongs to the distribution', () => {
  expect(
    distributionArchive(parseOneLine('deb https://vendor.example/apt any tools'), 'debian', 'bookworm'),
  ).toBeNull();
});
