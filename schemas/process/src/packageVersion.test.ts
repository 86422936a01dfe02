import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, it } from 'vitest';
import { packageVersion } from './packageVersion.js';

const root = mkdtempSync(join(tmpdir(), 'pizzapi-version-'));
mkdirSync(join(root, 'dist', 'bundle'), { recursive: true });
const url = (path: string) => pathToFileURL(join(root, path)).href;

it('packageVersion finds the package of a module and of its bundle, and returns 0 for a manifest without a version', () => {
  writeFileSync(join(root, 'package.json'), '{"version":"3.2.1"}');
  expect(packageVersion(url('dist/main.js'))).toBe('3.2.1');
  expect(packageVersion(url('dist/bundle/main.js'))).toBe('3.2.1');
  writeFileSync(join(root, 'package.json'), '{}');
  expect(packageVersion(url('dist/main.js'))).toBe('0');
});
