import { isAbsolute } from 'node:path';
import { isMap, stringAt } from '@pizzapi/protocol';
import { valid } from 'semver';
import { fetchedNode } from './nodeCache.js';
import { isExecutable, readHead, realPath } from './files.js';
import type { PiFolder } from './piPackage.js';
import { nodeShortcoming } from './piVersions.js';
import { programsOnPath } from './searchPath.js';
import type { PiNode } from './types.js';
import type { PiSearchContext } from './versionManagers.js';

export type NodeOutcome =
  | { kind: 'found'; node: PiNode }
  /** `why` names the Node with which pi itself would start, and what keeps it from running sessions. */
  | { kind: 'none'; why: string };

/** Where the Node of a pi may be, in addition to its own first line. */
export interface NodePlaces {
  wrapperNodes: readonly string[];
  nodesBeside: readonly string[];
}

const SHEBANG_BYTES = 256;
/** What a Node prints of itself. A shim of a version manager starts the real one, which prints its own path. */
const ABOUT =
  'console.log(JSON.stringify({path:process.execPath,node:process.versions.node,bun:process.versions.bun}))';

/**
 * Finds the Node for a pi. The order is: the one that pi itself would start with, the one beside pi, the Node of this
 * process, and one that the person had fetched before.
 */
export async function findNode(pi: PiFolder, places: NodePlaces, context: PiSearchContext): Promise<NodeOutcome> {
  const finder = new NodeFinder(context);
  const shebang = await shebangNodes(pi.program, context);
  const candidates = [...places.wrapperNodes, ...shebang, ...places.nodesBeside, context.host.node.path];
  let first: string | undefined;
  for (const path of candidates) {
    const node = await finder.inspect(path);
    if (node === undefined) continue;
    const shortcoming = nodeShortcoming(node.version, pi.engines);
    if (shortcoming === undefined) return { kind: 'found', node };
    first ??= `it would run on Node ${node.version} (${node.path}), but ${shortcoming}`;
  }
  const fetched = await fetchedNode(context.env, (version) => nodeShortcoming(version, pi.engines) === undefined);
  if (fetched !== undefined) return { kind: 'found', node: fetched };
  return { kind: 'none', why: first ?? 'no Node was found for it' };
}

class NodeFinder {
  readonly #context: PiSearchContext;
  readonly #inspected = new Set<string>();

  constructor(context: PiSearchContext) {
    this.#context = context;
  }

  /** Returns the Node at a path; undefined for another program and for one that was inspected before. */
  async inspect(path: string): Promise<PiNode | undefined> {
    const { host, env } = this.#context;
    const real = await realPath(path);
    if (real === undefined || this.#inspected.has(real)) return undefined;
    this.#inspected.add(real);
    if (real === (await realPath(host.node.path))) return host.node;
    if (!(await isExecutable(real))) return undefined;
    // The path by which it was found: a shim finds out by its own name what it starts.
    return askNode(path, { host, env });
  }
}

/** Has a Node print its path and its version. Returns undefined for another program, and for bun. */
export async function askNode(path: string, { host, env }: PiSearchContext): Promise<PiNode | undefined> {
  const { NODE_OPTIONS: _options, ...plain } = env;
  const answer = await host.run(path, ['-e', ABOUT], plain);
  return answer.kind === 'answered' ? readAbout(answer.stdout) : undefined;
}

async function shebangNodes(program: string, { env }: PiSearchContext): Promise<string[]> {
  const head = await readHead(program, SHEBANG_BYTES);
  const line = head?.bytes.toString('utf8').split('\n', 1)[0] ?? '';
  const [, interpreter = '', rest = ''] = /^#!\s*(\S+)\s*(.*)$/.exec(line) ?? [];
  if (!/(^|\/)env$/.test(interpreter)) return isAbsolute(interpreter) ? [interpreter] : [];
  const name = rest.split(/\s+/).find((word) => word !== '' && !word.startsWith('-') && !word.includes('='));
  return name === undefined || name.includes('/') ? [] : (await programsOnPath(name, env)).slice(0, 1);
}

function readAbout(text: string): PiNode | undefined {
  let about: unknown;
  try {
    about = JSON.parse(text.trim().split('\n').at(-1) ?? '');
  } catch {
    return undefined;
  }
  if (!isMap(about) || about['bun'] !== undefined) return undefined;
  const path = stringAt(about, 'path');
  const version = stringAt(about, 'node');
  if (path === undefined || version === undefined || !isAbsolute(path) || valid(version) === null) return undefined;
  return { path, version };
}
