import { errorInfo, visibleText } from '@pizzapi/protocol';
import type { PiSearch } from '@pizzapi/runner/installation';
import { EXIT, line, type Io } from '../io.js';
import { NOT_LOADED, runOnPi } from '../runOnPi.js';
import { runTerminal } from '../terminal.js';

/**
 * Returns the arguments of pi, or undefined when the arguments are a command of pizzapi. pi gets an empty command line,
 * pi's flags, a file (`@notes.md`), an input of several words, and everything after a `--`.
 */
export function piArguments(argv: readonly string[]): string[] | undefined {
  const [first] = argv;
  if (first === undefined) return [];
  if (first === '--') return argv.slice(1);
  if (['-h', '--help', '-V', '--version'].includes(first)) return undefined;
  return /^[-@]|\s/.test(first) ? [...argv] : undefined;
}

/** The command line of pi in this terminal. */
export interface TerminalArguments {
  args: string[];
  /** The value of our own flag `--pi`, which can stand anywhere before a `--`. `''`: its value is missing. */
  pi?: string;
}

/** Returns the command line of pi without our own flag, or undefined when the arguments are a command of pizzapi. */
export function terminalArguments(argv: readonly string[]): TerminalArguments | undefined {
  const end = argv.includes('--') ? argv.indexOf('--') : argv.length;
  const at = argv.slice(0, end).findIndex((word) => word === '--pi' || word.startsWith('--pi='));
  const given = argv[at]?.startsWith('--pi=') === true ? 1 : 2;
  const args = piArguments(at < 0 ? argv : [...argv.slice(0, at), ...argv.slice(Math.min(at + given, end))]);
  if (args === undefined) return undefined;
  if (at < 0) return { args };
  const pi = given === 1 ? argv[at]!.slice('--pi='.length) : at + 1 < end ? argv[at + 1]! : '';
  return { args, pi: pi.startsWith('-') ? '' : pi };
}

/**
 * Runs pi with `/share`: the pi that is installed in a process on its own Node, the bundled one in this process. Returns
 * the exit code of pi.
 */
export async function becomeTui({ args, pi }: TerminalArguments, io: Io, version: string): Promise<number> {
  const chosen = await choosePi(pi, io.env);
  if (chosen.kind === 'failed') {
    line(io.stderr, `${chosen.error.code}: ${visibleText(chosen.error.message)}`);
    return chosen.error.code === 'bad_option' ? EXIT.usage : EXIT.failed;
  }
  for (const { message } of chosen.warnings) line(io.stderr, visibleText(message));
  const { installation } = chosen;
  if (installation.root !== null) {
    const code = await runOnPi(installation, installation.root, args, io.env);
    if (code !== NOT_LOADED) return code;
    line(io.stderr, `pi ${installation.version} in ${installation.root} could not be loaded. This is the bundled pi.`);
  }
  return runTerminal(args, io.env, version);
}

/** Finds the pi to run, or what is wrong with the one that the person has named. */
async function choosePi(pi: string | undefined, env: NodeJS.ProcessEnv): Promise<PiSearch> {
  if (pi === '') return { kind: 'failed', error: errorInfo('bad_option', '--pi needs a value: a path, or bundled') };
  const { findPi } = await import('@pizzapi/runner/installation');
  return findPi({ pi }, env);
}
