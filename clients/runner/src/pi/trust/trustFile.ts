import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { isMap } from '@pizzapi/protocol';
import { PI_TRUST_FILE, TRUST_FILE } from '../../human/decisionFiles.js';
import { canonical } from './projectResources.js';

/** Where the decisions of a person about folders are kept. A decision about a folder holds for the folders in it. */
export interface TrustStore {
  /** The closest decision, or undefined. Throws when the decisions cannot be read. */
  decision(cwd: string): boolean | undefined;
  /** Throws when the decision cannot be kept. */
  decide(cwd: string, isTrusted: boolean): void;
}

type Decisions = Record<string, boolean>;

/**
 * The decisions for pi 0.73, which keeps none: ours, and those that the person has made in pi 1.x, whose file is only
 * read. Where both decide about the same folder, a refusal wins.
 */
export function ownTrustStore(agentDir: string): TrustStore {
  const path = join(agentDir, TRUST_FILE);
  return {
    decision: (cwd) => closest(cwd, [readDecisions(join(agentDir, PI_TRUST_FILE)), readDecisions(path)]),
    decide(cwd, isTrusted) {
      const all = { ...readDecisions(path), [canonical(cwd)]: isTrusted };
      mkdirSync(dirname(path), { recursive: true });
      const written = `${path}.${process.pid}.tmp`;
      writeFileSync(written, `${JSON.stringify(all, undefined, 2)}\n`, { mode: 0o600 });
      renameSync(written, path);
    },
  };
}

function closest(cwd: string, files: readonly Decisions[]): boolean | undefined {
  for (let at = canonical(cwd); ; at = dirname(at)) {
    const made = files.flatMap((decisions) => (Object.hasOwn(decisions, at) ? [decisions[at]] : []));
    if (made.length > 0) return made.every((isTrusted) => isTrusted === true);
    if (dirname(at) === at) return undefined;
  }
}

/** Throws for a file that is there and cannot be understood: it may hold a refusal. */
function readDecisions(path: string): Decisions {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return {};
    throw error;
  }
  const value: unknown = JSON.parse(text.replace(/^\ufeff/, ''));
  if (!isMap(value)) throw new Error(`${path} holds no decisions about folders`);
  return Object.fromEntries(
    Object.entries(value).filter((entry): entry is [string, boolean] => typeof entry[1] === 'boolean'),
  );
}
