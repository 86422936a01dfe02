import { readRendering, settingsOf, type Setting } from '@pizzapi/kubernetes';
import { CodedError } from '@pizzapi/protocol';

/** What differs on this machine from a pod of the chart. */
export interface Surroundings {
  /** The name of the process, as the name of the pod. */
  name: string;
  /** What the process inherits; it wins over a text of the chart, so that `PIZZAPI_SIGNUP=open npm run cluster` works. */
  inherited: NodeJS.ProcessEnv;
  /** What the image sets: paths of the files that it has. */
  image: NodeJS.ProcessEnv;
  /**
   * Addresses, ports and folders of this machine, in place of those of the chart, or made from them. Without a value a variable is
   * not set.
   */
  here: Readonly<Record<string, string | undefined | ((ofChart: string) => string)>>;
  /** The credentials, by the keys of the Secret. */
  secrets: Readonly<Record<string, string>>;
}

/** Returns what the chart renders for production, with its hosts. */
export function chartManifests() {
  return [...readRendering('production'), ...readRendering('runner')];
}

/**
 * Returns the environment of a process: what the chart renders for the pods of this component. A variable that the chart does
 * not have is not set here either, so that a setting that is missing there fails here. Throws `bad_option` for a credential that
 * the Secret does not have.
 */
export function chartEnvironment(component: string, surroundings: Surroundings): NodeJS.ProcessEnv {
  const { inherited, image, here } = surroundings;
  const settings = [...settingsOf(chartManifests(), component)].map(([name, setting]): [string, string | undefined] => {
    if (!Object.hasOwn(here, name)) return [name, valueOf(name, setting, surroundings)];
    const own = here[name];
    return [name, typeof own === 'function' ? own(setting.kind === 'text' ? setting.text : '') : own];
  });
  return { ...inherited, ...image, ...Object.fromEntries(settings) };
}

function valueOf(name: string, setting: Setting, { name: pod, inherited, secrets }: Surroundings): string {
  switch (setting.kind) {
    case 'text':
      return inherited[name] || setting.text;
    case 'field':
      if (setting.path === 'metadata.name') return pod;
      throw new CodedError(
        'bad_option',
        `The variable ${name} of the chart is ${setting.path}, which no process has here`,
      );
    case 'secret': {
      const secret = secrets[setting.key];
      if (secret !== undefined) return secret;
      throw new CodedError(
        'bad_option',
        `The variable ${name} of the chart is the key ${setting.key}, which no Secret has`,
      );
    }
  }
}
