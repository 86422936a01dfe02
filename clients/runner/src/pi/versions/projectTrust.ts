import * as sdk from '@mariozechner/pi-coding-agent';
import type { LoadExtensionsResult, SettingsManager } from '@mariozechner/pi-coding-agent';
import { isMap } from '@pizzapi/protocol';
import { hasProjectResources } from '../trust/projectResources.js';
import { ownTrustStore, type TrustStore } from '../trust/trustFile.js';

/** What this file uses of the store of pi 1.x. pi 0.73 has none, and loads what a folder has without a question. */
interface PiTrustStore {
  get(cwd: string): boolean | null;
  set(cwd: string, decision: boolean): void;
}

const isPiStore = (value: unknown): value is PiTrustStore =>
  typeof value === 'object' && value !== null && 'get' in value && 'set' in value;

/** The decisions of the person: pi's own where pi keeps them, so that they hold in `pi` too. */
export function trustStore(agentDir: string): TrustStore {
  const Store: unknown = Reflect.get(sdk, 'ProjectTrustStore');
  const made: unknown = typeof Store === 'function' ? Reflect.construct(Store, [agentDir]) : undefined;
  if (!isPiStore(made)) return ownTrustStore(agentDir);
  return {
    decision: (cwd) => made.get(cwd) ?? undefined,
    decide: (cwd, isTrusted) => made.set(cwd, isTrusted),
  };
}

/** Whether this pi asks about folders by itself and keeps what the person decided. */
export const keepsTrust = (): boolean => typeof Reflect.get(sdk, 'ProjectTrustStore') === 'function';

/** Whether a folder has anything that needs a decision, by pi's own rule where it has one. */
export function needsTrust(cwd: string): boolean {
  const rule: unknown = Reflect.get(sdk, 'hasTrustRequiringProjectResources');
  if (typeof rule !== 'function') return hasProjectResources(cwd);
  return Reflect.apply(rule, undefined, [cwd]) !== false;
}

/** Whether this pi leaves out what a folder has, once its settings say that the folder is not trusted. */
export function hasTrust(settings: SettingsManager): boolean {
  return typeof Reflect.get(settings, 'setProjectTrusted') === 'function';
}

/** Has pi 1.x read what the folder has, or leave it out. */
export function setTrusted(settings: SettingsManager, isTrusted: boolean): void {
  const set: unknown = Reflect.get(settings, 'setProjectTrusted');
  if (typeof set === 'function') Reflect.apply(set, settings, [isTrusted]);
}

/**
 * Whether the folder of a terminal is trusted: pi 1.x has asked the person. pi 0.73 asks nothing and loads all of it.
 */
export function isTrustedThere(ctx: object): boolean {
  const isTrusted: unknown = Reflect.get(ctx, 'isProjectTrusted');
  return typeof isTrusted !== 'function' || Reflect.apply(isTrusted, ctx, []) === true;
}

/** What an extension of the person has decided about a folder. `remember`: for the next time too. */
export interface ExtensionDecision {
  isTrusted: boolean;
  remember: boolean;
}

/** The dialogs of an extension that decides, while the session is not there yet to show any. */
const NO_UI = {
  select: () => Promise.resolve(undefined),
  confirm: () => Promise.resolve(false),
  input: () => Promise.resolve(undefined),
  notify: () => undefined,
};

/** Asks the extensions of the person by the event `project_trust` of pi 1.x. The first that says yes or no decides. */
export async function extensionDecision(
  { extensions }: Pick<LoadExtensionsResult, 'extensions'>,
  cwd: string,
  onError: (text: string) => void,
): Promise<ExtensionDecision | undefined> {
  for (const { path, handlers } of extensions) {
    for (const handler of handlers.get('project_trust') ?? []) {
      try {
        const ctx = { cwd, mode: 'rpc', hasUI: false, ui: NO_UI };
        const given: unknown = await Reflect.apply(handler, undefined, [{ type: 'project_trust', cwd }, ctx]);
        const trusted = isMap(given) ? given['trusted'] : undefined;
        if (trusted !== 'yes' && trusted !== 'no') continue;
        return { isTrusted: trusted === 'yes', remember: isMap(given) && given['remember'] === true };
      } catch (error) {
        onError(`${path}: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
  }
  return undefined;
}
