import { fileURLToPath } from 'node:url';

/** The root of the repository. Tests use this folder as sources, the benches use what was built from it. */
const ROOT = import.meta.url.includes('/bench/dist/') ? '../../../../' : '../../../';

/** Returns a path inside the repository. */
export const repository = (path: string): string => fileURLToPath(new URL(ROOT + path, import.meta.url));
