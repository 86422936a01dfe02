/** A command that a person can type instead of a message. */
export interface SlashCommand {
  /** With its slash. */
  name: string;
  /** What may follow, for people. */
  usage: string;
  text: string;
}

/** The commands of every session. A guest's message with one of them reaches the agent as plain text. */
const OF_OWNER: readonly SlashCommand[] = [
  { name: '/plan', usage: '[on | off | what to plan]', text: 'Turn plan mode on or off, or plan something' },
  { name: '/goal', usage: '[what is to be reached] [--max-turns n] | cancel', text: 'Set or cancel the goal' },
  {
    name: '/approvals',
    usage: '[ask | allow | forget]',
    text: 'Ask before tool calls that change something, or allow all',
  },
  { name: '/delink', usage: '[children | parent]', text: 'End the links to other sessions' },
];

const demo = (name: string, text: string, usage = ''): SlashCommand => ({ name: `/demo ${name}`, usage, text });
/** The commands of the demo model. */
const OF_DEMO: readonly SlashCommand[] = [
  demo('help', 'List what the demo model can show'),
  demo('bash', 'Run a command whose output streams'),
  demo('edit', 'Write and edit a file, with a diff'),
  demo('question', 'Ask questions of an extension', '[select | confirm | input]'),
  demo('ask', 'Ask questions of the agent'),
  demo('error', 'Fail twice and retry', '[fatal]'),
  demo('long', 'Write one long message', '[characters]'),
  demo('thinking', 'Think before a short answer'),
  demo('todo', 'Work off a to-do list'),
  demo('spawn', 'Start a child session', '[person]'),
  demo('plan', 'Make a plan that waits for your approval'),
  demo('image', 'Make a picture and look at it'),
];

/** The commands that a message may be in a session. */
export function slashCommands({ owns, model }: { owns: boolean; model: string }): readonly SlashCommand[] {
  return [...(owns ? OF_OWNER : []), ...(model.startsWith('demo/') ? OF_DEMO : [])];
}

/** The commands that begin as a text does. None once the text has more than a command, and none for another text. */
export function offeredCommands(text: string, commands: readonly SlashCommand[]): readonly SlashCommand[] {
  return text.startsWith('/') ? commands.filter(({ name }) => name.startsWith(text)) : [];
}
