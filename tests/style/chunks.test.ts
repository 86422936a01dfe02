import { expect, it } from 'vitest';
import { neededPackages, packagesOf } from '../../deploy/setup/chunks.mjs';

const chunk = (fileName: string, packageName: string, imports: string[] = [], dynamicImports: string[] = []) => ({
  ...{ type: 'chunk', fileName, name: fileName.replace('.js', ''), isEntry: fileName === 'main.js' },
  ...{ imports, dynamicImports, moduleIds: [`/x/node_modules/${packageName}/dist/index.js`], code: '' },
});

it('the packages of a program are those of every chunk that it loads, at its start or on demand', () => {
  const output = [
    chunk('main.js', 'commander', ['shared.js'], ['later.js', 'excepted.js']),
    chunk('shared.js', '@a/shared'),
    chunk('later.js', 'ws', ['deep.js']),
    chunk('deep.js', '@a/deep', ['main.js']),
    chunk('excepted.js', '@a/agent'),
    chunk('other.js', '@a/other'),
  ];
  expect(packagesOf(output, { entry: 'main', except: /@a\/agent/ })).toEqual(
    new Set(['commander', '@a/shared', 'ws', '@a/deep']),
  );
  expect(packagesOf(output, { entry: 'main' })).toContain('@a/agent');
});

it('a program needs the packages that its chunks import or require, and those whose files it looks for', () => {
  const output = [
    { ...chunk('main.js', 'commander', ['shared.js', 'node:fs', 'fs'], ['sharp', '@a/native/part.js']), code: '' },
    { ...chunk('shared.js', '@a/shared'), code: 'const url = moduleUrl("@a/agent/dist/config.js");' },
    { ...chunk('jiti.js', 'none'), moduleIds: ['\0jiti-on-demand'] },
    { ...chunk('asset.txt', 'none'), type: 'asset' },
  ];
  expect(neededPackages(output)).toEqual(['@a/agent', '@a/native', 'jiti', 'sharp']);
});
