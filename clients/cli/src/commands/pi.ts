import type { Command } from 'commander';
import { addOptions, OPTIONS, readOptions } from '@pizzapi/process';
import type { PiSearch } from '@pizzapi/runner/installation';
import { examples, type CliContext } from '../context.js';
import { EXIT, Failure, jsonLine, line, toSafeLine, type Io } from '../io.js';

/** Adds `pi`, which prints the pi that sessions run on, and `pi install-node`. */
export function addPi(program: Command, { io }: CliContext): void {
  const pi = addOptions(program.command('pi'), { pi: OPTIONS.pi })
    .description('Print which pi sessions run on, where it is, on which Node, and why')
    .option('--json', 'Print one line of JSON: { installation, warnings, unused }')
    .addHelpText(
      'after',
      `${examples('pizzapi pi', 'pizzapi pi --pi ~/.volta/bin/pi', 'pizzapi pi install-node')}

PizzaPi runs the \`pi\` on PATH, and the one that is part of it when there is none. --pi or PIZZAPI_PI chooses another
one, for this command, \`pizzapi local\`, \`pizzapi runner\` and \`pizzapi\` alone. Whatever stands behind \`--\` goes to pi.`,
    )
    .action(async (flags: Record<string, unknown>) => {
      const { findPi } = await import('@pizzapi/runner/installation');
      const named = readOptions({ pi: OPTIONS.pi }, flags, io.env).pi;
      const search = await findPi({ pi: named, survey: true }, io.env);
      if (search.kind === 'failed') throw new Failure(search.error, EXIT.failed);
      const { installation, warnings, unused } = search;
      if (flags['json'] === true) return line(io.stdout, jsonLine({ installation, warnings, unused }));
      for (const [label, text] of await piLines(search)) line(io.stdout, `${label.padEnd(10)}${toSafeLine(text)}`);
    });
  addInstallNode(pi, io);
}

async function piLines(search: Extract<PiSearch, { kind: 'found' }>): Promise<[label: string, text: string][]> {
  const [{ TESTED_VERSIONS }, { changeText }] = await Promise.all([
    import('@pizzapi/runner/installation'),
    import('../doctor/pi.js'),
  ]);
  const { installation, warnings, unused } = search;
  const { version, root, packageName, node, isTested, source } = installation;
  const why = {
    bundled: 'it is part of PizzaPi',
    path: 'it is the pi on PATH',
    option: '--pi or PIZZAPI_PI names it',
  }[source];
  const listed = unused.filter((pi) => !warnings.some(({ message }) => message === pi.why.message));
  return [
    ['pi', `${version} (${packageName}), because ${why}`],
    ...(root === null ? [] : [label('folder', root)]),
    ['Node', `${node.version} at ${node.path}`],
    ['tested', `${isTested ? 'yes' : 'no'}: the tests cover pi ${TESTED_VERSIONS}`],
    ...warnings.map(({ message }) => label('warning', message)),
    ...listed.map((pi) => label('not used', `${pi.why.message}${changeText(pi, search)}`)),
  ];
}

const label = (name: string, text: string): [label: string, text: string] => [name, text];

function addInstallNode(pi: Command, io: Io): void {
  pi.command('install-node')
    .description('Fetch the newest Node 22 from npm for a pi that needs a newer Node than there is')
    .option('--json', 'Print one line of JSON: { path, version, isNew }')
    .addHelpText(
      'after',
      `${examples('pizzapi pi install-node')}

It is stored in ~/.cache/pizzapi/node and used for pi only; the Node on PATH stays as it is. npm fetches it, so that its
settings for registries and proxies hold. Restart \`pizzapi local\` or \`pizzapi runner\` afterwards.`,
    )
    .action(async (_flags: unknown, command: Command) => {
      // commander gives a flag that `pi` has too to `pi`.
      const flags: Record<string, unknown> = command.optsWithGlobals();
      const { installNode, processHost } = await import('@pizzapi/runner/installation');
      const outcome = await installNode(io.env, processHost(), (text) => line(io.stderr, `node: ${toSafeLine(text)}`));
      if (outcome.kind === 'failed') throw new Failure(outcome.error, EXIT.failed);
      const { node, isNew } = outcome;
      if (flags['json'] === true) return line(io.stdout, jsonLine({ ...node, isNew }));
      line(io.stdout, `${isNew ? 'Fetched' : 'Already there'}: Node ${node.version} at ${toSafeLine(node.path)}`);
    });
}
