import { isBuiltin } from 'node:module';

/**
 * The npm packages in the chunks that an entry of a bundle loads, at its start or on demand. A chunk with a module that
 * `except` names counts only where the entry loads it at its start.
 */
export function packagesOf(output, { entry, except }) {
  const chunks = new Map(output.filter(({ type }) => type === 'chunk').map((chunk) => [chunk.fileName, chunk]));
  const [first] = [...chunks.values()].filter(({ isEntry, name }) => isEntry && name === entry);
  if (first === undefined) throw new Error(`The bundle has no entry ${entry}`);
  const reached = new Set([first]);
  for (const chunk of reached) {
    const later = chunk.dynamicImports.filter((name) => !isExcepted(chunks.get(name), except));
    for (const name of [...chunk.imports, ...later]) if (chunks.has(name)) reached.add(chunks.get(name));
  }
  return new Set(
    [...reached].flatMap(({ moduleIds }) => moduleIds.map(packageOf)).filter((name) => name !== undefined),
  );
}

/** The npm packages that chunks load from node_modules while they run: those left out, and those whose files pi looks for. */
export function neededPackages(output) {
  const chunks = output.filter(({ type }) => type === 'chunk');
  const own = new Set(chunks.map(({ fileName }) => fileName));
  const imported = chunks.flatMap(({ imports, dynamicImports }) => [...imports, ...dynamicImports]);
  const placed = chunks.flatMap(({ code }) => [...code.matchAll(/\bmoduleUrl\("([^"]+)"\)/g)].map(([, path]) => path));
  // The bundle requires jiti by its name, see `jitiOnDemand`.
  const required = chunks.some(({ moduleIds }) => moduleIds.includes('\0jiti-on-demand')) ? ['jiti'] : [];
  const names = [...imported, ...placed, ...required].filter((name) => !own.has(name) && !isBuiltin(name));
  return [...new Set(names.map((name) => /^(@[^/]+\/)?[^/]+/.exec(name)[0]))].sort();
}

const isExcepted = (chunk, except) =>
  except !== undefined && chunk !== undefined && chunk.moduleIds.some((id) => except.test(id));

/** The package of a module below `node_modules`, undefined for one of our own. */
function packageOf(id) {
  return /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(id)?.[1];
}
