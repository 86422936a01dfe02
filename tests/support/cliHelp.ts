import { run } from '../../clients/cli/src/testing/run.js';

/** Commands that start another program with its own help: their options come from the definitions of that program. */
const OTHER_PROGRAMS = new Set(['local', 'runner', 'help']);
/** Sub-commands whose parent is such a program, which does not list them. */
const UNLISTED = ['runner pair', 'runner list', 'runner forget'];

/** Returns the help of `pizzapi` and of every command and sub-command, as Markdown sections. */
export async function helpOfEveryCommand(): Promise<string> {
  const main = await helpOf('');
  const sections = [section('pizzapi', main)];
  for (const name of commandsIn(main).filter((command) => !OTHER_PROGRAMS.has(command))) {
    const help = await helpOf(name);
    sections.push(section(`pizzapi ${name}`, help));
    for (const sub of commandsIn(help))
      sections.push(section(`pizzapi ${name} ${sub}`, await helpOf(`${name} ${sub}`)));
  }
  for (const name of UNLISTED) sections.push(section(`pizzapi ${name}`, await helpOf(name)));
  return sections.join('\n\n');
}

async function helpOf(name: string): Promise<string> {
  const { code, stdout, stderr } = await run([...name.split(' ').filter((word) => word !== ''), '--help']);
  if (code !== 0) throw new Error(`The help of "pizzapi ${name}" cannot be printed: ${stderr}`);
  return stdout.trimEnd();
}

/** Returns the names in the list of commands of a help text, without aliases. */
export function commandsIn(help: string): string[] {
  const [, list = ''] = /^Commands:\n((?: .*\n?)+)/m.exec(help) ?? [];
  return [...list.matchAll(/^ {2}([a-z][a-z-]*)/gm)].map(([, name]) => name!);
}

function section(title: string, help: string): string {
  return `### ${title}\n\n\`\`\`text\n${help}\n\`\`\``;
}
