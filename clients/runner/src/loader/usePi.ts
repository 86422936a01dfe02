import { readFileSync } from 'node:fs';
import * as nodeModule from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { CodedError, isMap, stringAt } from '@pizzapi/protocol';

/** The packages of pi that our sources import, by their names of pi 0.73. */
const OURS = /^@mariozechner\/(pi-coding-agent|pi-agent-core|pi-ai|pi-tui)(\/.*)?$/;

interface Resolved {
  url: string;
}
type Context = Readonly<Record<string, unknown>>;
type Resolve = (
  specifier: string,
  context: Context,
  next: (specifier: string, context: Context) => Resolved,
) => Resolved;
type RegisterHooks = (hooks: { resolve: Resolve }) => unknown;

/** Node has it from 22.15 on; the declarations of the oldest Node that we support do not. */
const registerHooks: unknown = Reflect.get(nodeModule, 'registerHooks');
const isRegisterHooks = (value: unknown): value is RegisterHooks => typeof value === 'function';

/**
 * Has every import of pi in this process, from now on, mean the pi in this folder (that of its package.json). Its
 * siblings `pi-ai` and `pi-tui` are those that this pi itself would import. Throws `runner_failed` for a Node without
 * module hooks, and for a folder that is no pi.
 */
export function usePi(root: string): void {
  if (!isRegisterHooks(registerHooks))
    throw new CodedError('runner_failed', `Node ${process.versions.node} cannot load another pi: it needs Node 22.15`);
  const scope = scopeOf(root);
  const parentURL = pathToFileURL(join(root, 'package.json')).href;
  registerHooks({
    resolve(specifier, context, next) {
      const [, name, path = ''] = OURS.exec(specifier) ?? [];
      if (name === undefined) return next(specifier, context);
      return next(`${scope}/${name}${path}`, { ...context, parentURL });
    },
  });
}

/** The scope of pi's packages: another one since pi 1.x. */
function scopeOf(root: string): string {
  const file: unknown = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const [scope, name] = (isMap(file) ? (stringAt(file, 'name') ?? '') : '').split('/');
  if (scope === undefined || name !== 'pi-coding-agent')
    throw new CodedError('runner_failed', `There is no pi in ${root}`);
  return scope;
}
