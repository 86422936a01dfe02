import { delimiter } from 'node:path';
import { Command, Option } from 'commander';
import { addOptions, flagName, readOptions, type OptionSpec, type OptionsSpec } from './options.js';
import { redactText } from './redact.js';

/** Exit code of a process whose command line is invalid. */
const USAGE_ERROR = 2;

/** Options under one heading of a help text. */
export interface OptionGroup {
  heading: string;
  options: OptionsSpec;
}

/** A flag that a process refuses, although another process takes it. */
export interface RefusedOption {
  option: OptionSpec;
  /** One sentence without a full stop: why, and what to do instead. */
  reason: string;
}

/** What `parseFlags` reads. */
export interface FlagsOptions {
  examples?: readonly string[];
  refused?: readonly RefusedOption[];
}

/**
 * Returns the command that reads the arguments of a process. `fail` receives a sentence without a full stop for an
 * invalid command line.
 */
export function flagsCommand(
  name: string,
  spec: OptionsSpec | readonly OptionGroup[],
  { examples = [], refused = [] }: FlagsOptions,
  fail: (sentence: string) => never,
): Command {
  const command = new Command(name).allowExcessArguments(false).configureOutput({
    outputError: (text) => {
      const sentence = text.replace(/^error: /, '').trim();
      fail(`${sentence.charAt(0).toUpperCase()}${sentence.slice(1)}`);
    },
  });
  if (isGrouped(spec)) for (const { heading, options } of spec) addOptions(command, options, heading);
  else addOptions(command, spec);
  for (const { option, reason } of refused) {
    if (option.flag === undefined) continue;
    const flag = new Option(option.flag).hideHelp();
    command.addOption(flag).on(`option:${flag.name()}`, () => fail(`${flagName(option)} is refused: ${reason}`));
  }
  if (examples.length > 0)
    command.addHelpText('after', ['\nExamples:', ...examples.map((example) => `  $ ${example}`)].join('\n'));
  return command;
}

/**
 * Parses the arguments of a process without subcommands, for `readOptions`. Answers `--help`. Ends the process with
 * `bad_option` for an unknown flag and for a refused one.
 */
export function parseFlags(
  name: string,
  description: string,
  spec: OptionsSpec | readonly OptionGroup[],
  options: FlagsOptions = {},
): Record<string, unknown> {
  const fail = (sentence: string): never => {
    process.stderr.write(`bad_option: ${redactText(sentence)}. Run it with --help.\n`);
    process.exit(USAGE_ERROR);
  };
  return flagsCommand(name, spec, options, fail)
    .description(description)
    .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : USAGE_ERROR))
    .parse()
    .opts();
}

/**
 * Returns the flags that were given as environment variables, for processes that read the same options.
 * Throws `bad_option`, with the name of the flag, for an invalid value.
 */
export function flagsAsEnvironment(
  spec: OptionsSpec,
  flags: Readonly<Record<string, unknown>>,
): Record<string, string> {
  const given = Object.values(spec).filter((option) => isGiven(option, flags));
  return Object.fromEntries(given.map((option) => [option.env, asVariable(readOptions({ option }, flags, {}).option)]));
}

function asVariable(value: unknown): string {
  return Array.isArray(value) ? value.join(delimiter) : String(value);
}

function isGrouped(spec: OptionsSpec | readonly OptionGroup[]): spec is readonly OptionGroup[] {
  return Array.isArray(spec);
}

function isGiven(option: OptionSpec, flags: Readonly<Record<string, unknown>>): boolean {
  return option.flag !== undefined && flags[new Option(option.flag).attributeName()] !== undefined;
}
