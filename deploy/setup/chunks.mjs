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

const isExcepted = (chunk, except) =>
  except !== undefined && chunk !== undefined && chunk.moduleIds.some((id) => except.test(id));

/** The package of a module below `node_modules`, undefined for one of our own. */
function packageOf(id) {
  return /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(id)?.[1];
}
