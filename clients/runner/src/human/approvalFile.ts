import { mkdir, readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { writePrivateJson } from '@pizzapi/process';
import { isMap } from '@pizzapi/protocol';
import { isApprovalRule, type ApprovalRule } from './approvalPolicy.js';

/** Among pi's own files, `~/.pi/agent` unless it was told otherwise. */
export const APPROVAL_FILE = 'pizzapi-approvals.json';
/** Rules that are kept for one folder; the oldest make room. */
const MAX_RULES = 500;

/**
 * What a person decided for a folder, kept among their own settings of the agent and not in the folder: a file in the
 * folder comes with a clone, and would let whoever wrote the repository approve what its own instructions ask for.
 * Every read is fresh, so that two sessions of a folder share what is decided in either.
 */
export class ApprovalFile {
  readonly path: string;

  constructor(
    agentDir: string,
    private readonly cwd: string,
  ) {
    this.path = resolve(join(agentDir, APPROVAL_FILE));
  }

  /** The rules of the folder; what is no rule is passed over. Rejects when the file cannot be read. */
  async read(): Promise<ApprovalRule[]> {
    const rules = (await this.folders())[this.cwd];
    return Array.isArray(rules) ? rules.filter(isApprovalRule) : [];
  }

  async add(rules: readonly ApprovalRule[]): Promise<void> {
    const folders = await this.folders();
    const kept = (await this.read()).filter((old) => !rules.some((rule) => sameSubject(old, rule)));
    await this.write({ ...folders, [this.cwd]: [...kept, ...rules].slice(-MAX_RULES) });
  }

  async forget(): Promise<void> {
    const { [this.cwd]: _gone, ...others } = await this.folders();
    await this.write(others);
  }

  /** Throws for a file that is there and cannot be understood: it may hold what must not be allowed. */
  private async folders(): Promise<Record<string, unknown>> {
    const text = await readFile(this.path, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return '{}';
      throw error;
    });
    try {
      const value: unknown = JSON.parse(text);
      return isMap(value) && isMap(value['folders']) ? value['folders'] : {};
    } catch (error) {
      throw new Error(`${this.path} is not JSON`, { cause: error });
    }
  }

  private async write(folders: Record<string, unknown>): Promise<void> {
    await mkdir(dirname(this.path), { recursive: true });
    await writePrivateJson(this.path, { folders });
  }
}

function sameSubject(a: ApprovalRule, b: ApprovalRule): boolean {
  return a.tool === b.tool && a.command === b.command && a.script === b.script;
}
