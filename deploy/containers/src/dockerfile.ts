/** One instruction of a Dockerfile, with its continued lines joined. */
export interface Instruction {
  name: string;
  text: string;
}

/** A stage of a Dockerfile: what it is built on, and its own instructions. */
export interface Stage {
  name: string;
  from: string;
  instructions: readonly Instruction[];
}

/** Returns the stages of a Dockerfile in their order, and the arguments before the first one. */
export function parseDockerfile(text: string): { args: readonly string[]; stages: readonly Stage[] } {
  const args: string[] = [];
  const stages: (Stage & { instructions: Instruction[] })[] = [];
  for (const { name, text: rest } of instructionsOf(text)) {
    if (name === 'FROM') {
      const [from = '', , as = ''] = rest.split(/\s+/);
      stages.push({ name: as, from, instructions: [] });
    } else if (stages.length === 0) args.push(rest.split('=')[0]!);
    else stages.at(-1)!.instructions.push({ name, text: rest });
  }
  return { args, stages };
}

function instructionsOf(text: string): Instruction[] {
  const lines = text.split('\n').filter((line) => !/^\s*(#|$)/.test(line));
  return lines
    .join('\n')
    .replace(/\\\n\s*/g, ' ')
    .split('\n')
    .map((line) => {
      const [, name = '', rest = ''] = /^(\w+)\s*(.*)$/.exec(line) ?? [];
      return { name: name.toUpperCase(), text: rest };
    });
}

/** Returns the instructions of a stage after those of the stages that it is built on. */
export function instructionsFor(stages: readonly Stage[], name: string): Instruction[] {
  const stage = stages.find((one) => one.name === name);
  return stage === undefined ? [] : [...instructionsFor(stages, stage.from), ...stage.instructions];
}

/** Returns the names and values that `ENV`, `ARG` or `LABEL` instructions set. */
export function settingsOf(instructions: readonly Instruction[], name: 'ENV' | 'ARG' | 'LABEL'): Map<string, string> {
  const pairs = instructions
    .filter((one) => one.name === name)
    .flatMap(({ text }) => [...text.matchAll(/([\w.]+)(?:=("[^"]*"|\S*))?/g)])
    .map(([, key, value = '']) => [key!, value.replace(/^"|"$/g, '')] as const);
  return new Map(pairs);
}

/** Whether an instruction is in the form of a list, which starts no shell. */
export function isExecForm(text: string): boolean {
  try {
    const words: unknown = JSON.parse(text.replace(/^.*?\bCMD\b\s*(?=\[)/, ''));
    return Array.isArray(words) && words.length > 0 && words.every((word) => typeof word === 'string');
  } catch {
    return false;
  }
}

/** The images, one for each process. */
export const TARGETS = ['gateway', 'meta-projector', 'authenticator', 'provision', 'runner'] as const;

/** Returns what is wrong with a Dockerfile, for each rule that its images have to follow. */
export function dockerfileProblems(text: string, secrets: readonly string[]): string[] {
  const { args, stages } = parseDockerfile(text);
  const names = stages.map(({ name }) => name);
  const bases = stages.flatMap(({ name, from }) => {
    const arg = /^\$\{(\w+)\}$/.exec(from)?.[1];
    const isKnown = arg === undefined ? names.includes(from) : args.includes(arg);
    return isKnown ? [] : [`${name} is based on ${from}, which is no argument`];
  });
  const isSecret = (name: string) => secrets.includes(name) || /_(KEY|TOKEN|SECRET|PASSWORD|NKEY|SEED)$/.test(name);
  const leaks = stages.flatMap(({ name, instructions }) =>
    (['ENV', 'ARG'] as const)
      .flatMap((kind) => [...settingsOf(instructions, kind).keys()])
      .filter(isSecret)
      .map((variable) => `${name} has the secret ${variable} in a layer`),
  );
  return [...bases, ...leaks, ...TARGETS.flatMap((target) => targetProblems(stages, target))];
}

function targetProblems(stages: readonly Stage[], target: string): string[] {
  const own = stages.find(({ name }) => name === target);
  if (own === undefined) return [`there is no target ${target}`];
  const all = instructionsFor(stages, target);
  const last = (name: string) => all.findLast((one) => one.name === name)?.text ?? '';
  const labels = settingsOf(all, 'LABEL');
  const checks: [boolean, string][] = [
    [
      /^[1-9]\d{3,}:[1-9]\d{3,}$/.test(last('USER')),
      `runs as "${last('USER')}", which is no number of a user and a group`,
    ],
    [isExecForm(last('ENTRYPOINT')), 'starts a shell, which keeps signals from node'],
    [last('CMD') === '' || isExecForm(last('CMD')), 'has a command that needs a shell'],
    [
      target === 'provision' ? last('HEALTHCHECK') === 'NONE' : isExecForm(last('HEALTHCHECK')),
      'checks its health by a shell, or not at all',
    ],
    [!/\b(curl|wget)\b/.test(last('HEALTHCHECK')), 'needs another program to check its health'],
    [last('STOPSIGNAL') === 'SIGTERM', 'is stopped by another signal than SIGTERM'],
    [
      all.every(({ name, text }) => name !== 'ADD' && (name !== 'COPY' || text.startsWith('--from=build '))),
      'copies files that the build did not make',
    ],
    [
      ['title', 'description', 'licenses', 'version', 'revision'].every((label) =>
        Boolean(labels.get(`org.opencontainers.image.${label}`)),
      ),
      'lacks a label',
    ],
  ];
  return checks.flatMap(([isRight, what]) => (isRight ? [] : [`${target} ${what}`]));
}
