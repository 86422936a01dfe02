import { Option, type Command } from 'commander';

/** `--name` of commands that watch a session. `--as` is its older name, which `pizzapi tail` still accepts. */
export function addGuestName(command: Command): Command {
  return command
    .option('--name <name>', 'Your name as a guest of a share link')
    .addOption(new Option('--as <name>').hideHelp());
}

export function guestName(flags: Readonly<Record<string, unknown>>): string | undefined {
  const name = flags['name'] ?? flags['as'];
  return typeof name === 'string' ? name : undefined;
}
