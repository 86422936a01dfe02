import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { CodedError, formatBytes, parseBytes } from '@pizzapi/protocol';
import type { Command } from 'commander';
import { Option } from 'commander';
import { PAGE_PATH_RULE, readPageUrl } from './pagePath.js';

interface Described {
  /** The environment variable. */
  env: string;
  /** As commander reads it: `--port <number>`, `--json`, `--no-open`. Without one it is a variable only: secrets. */
  flag?: string;
  help: string;
  /** A secret has no flag. The variable with `_FILE` at its end can name a file with the value instead. */
  secret?: true;
}

/** One option, defined once: its variable, flag, type, help and default. Everything else is derived. */
export type OptionSpec = Described &
  (
    | { type: 'string'; default?: string; choices?: readonly string[] }
    /** Made absolute; a leading `~/` is the home folder. The `words` are values that are no paths. */
    | { type: 'path'; default?: string; words?: readonly string[] }
    /** http, https, ws, wss, nats or tls; no query, no fragment, no trailing slash. Several are separated by commas. */
    | { type: 'url'; default?: string }
    /** http or https, a host, a port, and a path of the page. */
    | { type: 'page'; default?: string }
    /** A key or a token. Its value is never quoted. */
    | { type: 'token'; default?: string }
    | { type: 'integer'; default?: number; min?: number; max?: number }
    /** A number of bytes, written as `20 GiB`, `500M` or `1048576`. */
    | { type: 'bytes'; default?: number }
    | { type: 'boolean'; default?: boolean }
    /** A variable holds them as PATH does; the flag takes several words. */
    | { type: 'paths'; default?: readonly string[] }
  );

export type OptionsSpec = Readonly<Record<string, OptionSpec>>;

type Plain<S extends OptionSpec> = S extends { type: 'integer' | 'bytes' }
  ? number
  : S extends { type: 'boolean' }
    ? boolean
    : S extends { type: 'paths' }
      ? string[]
      : S extends { choices: readonly (infer C extends string)[] }
        ? C
        : string;

/** The values of a spec: `undefined` is possible only where there is no default. */
export type OptionValues<T extends OptionsSpec> = {
  readonly [K in keyof T]: T[K] extends { default: string | number | boolean | readonly string[] }
    ? Plain<T[K]>
    : Plain<T[K]> | undefined;
};

/** Keeps the literal types of a spec, so that `readOptions` knows what it returns. */
export function defineOptions<const T extends OptionsSpec>(spec: T): T {
  return spec;
}

/** Adds the flags of a spec to a command. Defaults and variables appear in its `--help`, under a heading when one is given. */
export function addOptions(command: Command, spec: OptionsSpec, heading?: string): Command {
  for (const option of Object.values(spec)) {
    if (option.flag === undefined) continue;
    const flag = new Option(option.flag, `${option.help} ${origin(option)}`);
    if (heading !== undefined) flag.helpGroup(heading);
    command.addOption(flag);
    // commander gives `--no-x` a default of true, which would hide the variable.
    if (flag.negate) command.setOptionValueWithSource(flag.attributeName(), undefined, 'default');
  }
  return command;
}

/** Returns the flag as a person types it: `--port`. Undefined for an option that is a variable only. */
export function flagName({ flag }: OptionSpec): string | undefined {
  return flag?.split(/[ ,]/, 1)[0];
}

/**
 * The values of a spec: flag before variable before default. An empty variable counts as not set. A secret is in its
 * variable, or in the file that the variable with `_FILE` at its end names.
 * Throws `bad_option`, naming the flag or the variable, for a value that cannot be read.
 */
export function readOptions<const T extends OptionsSpec>(
  spec: T,
  flags: Readonly<Record<string, unknown>> = {},
  env: NodeJS.ProcessEnv = process.env,
): OptionValues<T> {
  const values = Object.entries(spec).map(([key, option]) => [key, read(option, flags, env)] as const);
  return Object.fromEntries(values) as OptionValues<T>;
}

/** Returns the variable that names a file with the value of a secret. */
export function fileVariable({ env }: Pick<OptionSpec, 'env'>): string {
  return `${env}_FILE`;
}

/** Returns the variables of all secrets of a spec: those with a value, and those with the name of a file. */
export function secretVariables(spec: OptionsSpec): string[] {
  return Object.values(spec).flatMap((option) => (option.secret === true ? [option.env, fileVariable(option)] : []));
}

/** Returns a table of options as Markdown. */
export function optionsTable(spec: OptionsSpec): string {
  const rows = Object.values(spec).map(
    (option) =>
      `| \`${option.env}\` | ${option.flag === undefined ? '' : `\`${option.flag}\``} | ${option.help}${orFile(option)} | ${shown(option)} |`,
  );
  return ['| variable | flag | what | default |', '|---|---|---|---|', ...rows].join('\n');
}

function origin(option: OptionSpec): string {
  const fallback = option.default === undefined ? '' : `default: ${plainDefault(option)}, `;
  return `(${fallback}env: ${option.env})`;
}

function orFile(option: OptionSpec): string {
  return option.secret === true ? `; or \`${fileVariable(option)}\`: a file with it` : '';
}

function shown(option: OptionSpec): string {
  return option.default === undefined ? '' : `\`${plainDefault(option)}\``;
}

function plainDefault(option: OptionSpec): string {
  if (option.type === 'bytes') return option.default === 0 ? '0' : formatBytes(option.default ?? 0);
  return option.type === 'paths' ? (option.default ?? []).join(delimiter) : String(option.default);
}

function read(option: OptionSpec, flags: Readonly<Record<string, unknown>>, env: NodeJS.ProcessEnv): unknown {
  const given = option.flag === undefined ? undefined : flags[new Option(option.flag).attributeName()];
  if (given !== undefined) return parse(option, given, flagName(option)!);
  const variable = env[option.env];
  const file = option.secret === true ? env[fileVariable(option)] : undefined;
  if (isSet(file)) {
    if (isSet(variable)) throw new CodedError('bad_option', `Set ${option.env} or ${fileVariable(option)}, not both`);
    return parse(option, readSecretFile(file, fileVariable(option)), fileVariable(option));
  }
  if (isSet(variable)) return parse(option, variable, option.env);
  return option.default === undefined ? undefined : parse(option, option.default, option.env);
}

const isSet = (value: string | undefined): value is string => value !== undefined && value !== '';

/** Returns the text of a file without the line breaks at its end. Throws `bad_option` without showing the text. */
function readSecretFile(path: string, variable: string): string {
  const fail = (why: string): never => {
    throw new CodedError('bad_option', `${variable} names ${path}, ${why}`);
  };
  const text = textOf(path, (code) => fail(`which cannot be read (${code})`)).replace(/[\r\n]+$/, '');
  return text === '' ? fail('which is empty') : text;
}

function textOf(path: string, fail: (code: string) => never): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (thrown) {
    return fail((thrown as NodeJS.ErrnoException).code ?? 'unknown error');
  }
}

/** `raw` is a flag's or variable's text, a boolean flag's true or false, or a default of the right type. */
function parse(option: OptionSpec, raw: unknown, source: string): unknown {
  const fail = (wanted: string): never => {
    throw new CodedError('bad_option', `${source} is "${String(raw)}", but takes ${wanted}`);
  };
  switch (option.type) {
    case 'integer': {
      const { min = 0, max = Number.MAX_SAFE_INTEGER } = option;
      const value = typeof raw === 'number' || /^\s*-?\d+\s*$/.test(String(raw)) ? Number(raw) : NaN;
      const upTo = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`;
      return value >= min && value <= max ? value : fail(`a whole number ${upTo}`);
    }
    case 'bytes':
      return typeof raw === 'number' ? raw : (parseBytes(String(raw)) ?? fail('a size such as 500 MiB or 20 GiB'));
    case 'boolean':
      if (typeof raw === 'boolean') return raw;
      if (/^(1|true|yes|on)$/i.test(String(raw))) return true;
      return /^(0|false|no|off)$/i.test(String(raw)) ? false : fail('true or false');
    case 'paths':
      return (Array.isArray(raw) ? raw.map(String) : String(raw).split(delimiter))
        .filter((path) => path !== '')
        .map(absolute);
    case 'path':
      return option.words?.includes(String(raw)) === true ? String(raw) : absolute(String(raw));
    case 'url':
      return isUrl(String(raw)) ? String(raw).replace(/\/+$/, '') : fail('an address such as http://127.0.0.1:7492');
    case 'token': {
      const text = String(raw).trim();
      if (/^[\w.~+-]+$/.test(text)) return text;
      throw new CodedError(
        'bad_option',
        `${source} holds a space or another character that no key has; copy the key again`,
      );
    }
    case 'page':
      return (
        readPageUrl(String(raw)) ??
        fail(`an address such as https://pizza.example or https://example.org/pizza; a path has ${PAGE_PATH_RULE}`)
      );
    case 'string':
      if (option.choices?.includes(String(raw)) === false) return fail(`one of ${option.choices.join(', ')}`);
      return String(raw);
  }
}

function absolute(path: string): string {
  return resolve(path === '~' || path.startsWith('~/') ? join(homedir(), path.slice(1)) : path);
}

function isUrl(text: string): boolean {
  return text.split(',').every((one) => {
    const url = one.trim();
    return /^(https?|wss?|nats|tls):\/\/[^?#]*$/.test(url) && URL.canParse(url);
  });
}
