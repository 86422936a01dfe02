import { existsSync, readFileSync } from 'node:fs';
import { isMap, stringAt } from '@pizzapi/protocol';

/**
 * Returns the version in the nearest `package.json` above a module, `0` when it has none. Pass `import.meta.url`. A bundle of
 * the module may be in another folder of the same package.
 */
export function packageVersion(moduleUrl: string): string {
  for (let folder = new URL('.', moduleUrl); ; folder = new URL('..', folder)) {
    const file = new URL('package.json', folder);
    if (existsSync(file)) {
      const manifest: unknown = JSON.parse(readFileSync(file, 'utf8'));
      return isMap(manifest) ? (stringAt(manifest, 'version') ?? '0') : '0';
    }
    if (folder.pathname === '/') return '0';
  }
}
