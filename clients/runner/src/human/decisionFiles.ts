import { basename, join, resolve } from 'node:path';
import { APPROVAL_FILE } from './approvalFile.js';
import { checkReadOnly } from './readOnlyShell.js';
import { commandOf, type ToolUse } from './tools.js';

/** The file of pi 1.x with the decisions of the person about folders, among pi's own files. */
export const PI_TRUST_FILE = 'trust.json';
/** Ours, beside it, for a pi that keeps no decisions. */
export const TRUST_FILE = 'pizzapi-trust.json';

/** Names that no other file has. */
const OWN_NAMES = [APPROVAL_FILE, TRUST_FILE];
const PROBLEM = 'Only a person can change approvals and the trust in a folder.';

/**
 * Why a call must not be made because it changes what a person has decided: approvals, and whether what a folder has of
 * its own is loaded. By the names alone: how a tool writes the path of a file is the tool's affair.
 */
export function decisionFileProblem(use: ToolUse, cwd: string, agentDir: string): string | undefined {
  const path = use.input['path'];
  const trust = join(agentDir, PI_TRUST_FILE);
  if (['write', 'edit'].includes(use.tool) && typeof path === 'string') {
    return OWN_NAMES.includes(basename(path)) || resolve(cwd, path) === trust ? PROBLEM : undefined;
  }
  const command = commandOf(use);
  if (command === undefined) return undefined;
  const names = [...OWN_NAMES, trust, `.pi/agent/${PI_TRUST_FILE}`];
  return names.some((name) => command.includes(name)) && !checkReadOnly(command).readOnly ? PROBLEM : undefined;
}
