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

test('a deb822 file gives its archives, without sources and disabled stanzas', () => {
  expect(parseDeb822(DEB822).map(({ uri }) => uri)).toEqual([
    'http://mirror.example/debian',
    'http://mirror.example/debian-security',
  ]);
});

test('a field of a deb822 file may go on in the next line, and a key may stand in the file itself', () => {
  const [archive] = parseDeb822(
    'Types: deb\nURIs: http://a.example/\nSuites: x\n y\nComponents: main\nSigned-By:\n -----BEGIN',
  );
  expect(archive).toMatchObject({ suites: ['x', 'y'], signedBy: null });
});

test('a one-line file gives its archives, with options and comments', () => {
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

test("the distribution's own archive is told from a third party that names the same suite", () => {
  const archives = [
    ...parseOneLine('deb https://vendor.example/apt bookworm main\ndeb cdrom:[disc]/ bookworm main'),
    ...parseDeb822(DEB822),
  ];
  expect(distributionArchive(archives, 'debian', 'bookworm')?.uri).toBe('http://mirror.example/debian');
});

test('without an archive of the distribution there is none', () => {
  expect(
    distributionArchive(parseOneLine('deb https://vendor.example/apt any tools'), 'debian', 'bookworm'),
  ).toBeNull();
});
