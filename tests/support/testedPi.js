import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
/** The value of `--pi` for the processes that tests start: never the pi that happens to be on this machine. */
export const TESTED_PI = process.env['PIZZAPI_PI'] ?? 'bundled';
/** The pi that the adapter in the test's own process runs on, by the folder of its package.json, where it is not the bundled one. */
const root = process.env['PIZZAPI_TEST_PI'];
/** The entry file of a package that pi needs, from pi's own place. */
function entryOf(root, name) {
    const folders = createRequire(join(root, 'package.json')).resolve.paths(name) ?? [];
    for (const folder of folders) {
        const home = join(folder, name);
        try {
            const { exports, main } = JSON.parse(readFileSync(join(home, 'package.json'), 'utf8'));
            return join(home, exports?.['.'].import ?? main);
        }
        catch {
            continue;
        }
    }
    throw new Error(`There is no ${name} beside ${root}`);
}
/** Has the packages that our sources import mean those of another pi. */
export const piAliases = root === undefined
    ? []
    : [
        { find: /^@mariozechner\/pi-coding-agent$/, replacement: join(root, 'dist/index.js') },
        ...['pi-ai', 'pi-tui', 'pi-agent-core'].map((name) => ({
            find: new RegExp(`^@mariozechner/${name}$`),
            replacement: entryOf(root, `@earendil-works/${name}`),
        })),
    ];
//# sourceMappingURL=testedPi.js.map