import { Option, type Command } from 'commander';

/** `--name` of commands that watch a session; `--as` says the same, as `pizzapi tail` once had it. */
export function addGuestName(command: Command): Command {
  return command
    .option('--name <name>', 'What you are called as a guest, who comes by a share link')
    .addOption(new Option('--as <name>').hideHelp());
}

export function guestName(flags: Readonly<Record<string, unknown>>): string | undefined {
  const name = flags['name'] ?? flags['as'];
  return typeof name === 'string' ? name : undefined;
}
