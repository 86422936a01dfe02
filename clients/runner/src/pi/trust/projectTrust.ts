import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LoadExtensionsResult, SettingsManager } from '@mariozechner/pi-coding-agent';
import type { PiOptions } from '@pizzapi/protocol';
import { messageOf } from '../errorMessage.js';
import type { loaderOptions } from '../piOptions.js';
import { readOnlySettings } from '../settings.js';
import { extensionDecision, hasTrust, needsTrust, setTrusted, trustStore } from '../versions/projectTrust.js';
import type { TrustStore } from './trustFile.js';

type LoaderOptions = ReturnType<typeof loaderOptions>;

export interface ProjectTrustOptions {
  cwd: string;
  agentDir: string;
  /** What the session was started with. */
  pi: Pick<PiOptions, 'approve' | 'noApprove'> | undefined;
  /** An agent has started the session. What it wrote into the options never makes a folder trusted. */
  isChild: boolean;
}

/**
 * Whether what a folder has of its own (extensions, packages, settings, MCP servers, skills, prompts) is loaded. pi loads
 * such things into this process, so they are loaded only when a person has said so: in pi, on a page, or by `--approve`.
 * A folder that needs a decision and has none is not trusted.
 */
export class ProjectTrust {
  /** The person's settings, with those of the folder only while it is trusted. */
  readonly settings: SettingsManager;
  readonly warnings: string[] = [];
  readonly #store: TrustStore;
  /** A flag of the session has decided. */
  #override: boolean | undefined;
  /** What a person has decided here and what could not be stored. */
  #unkept: boolean | undefined;
  #isTrusted = false;
  #isUndecided = false;
  /** Called when it was decided again, because pi is about to load everything again. */
  onChecked: () => void = () => undefined;
  /** What an extension of the person decided for this process. */
  #byExtension: boolean | undefined;

  constructor(private readonly options: ProjectTrustOptions) {
    const { agentDir, cwd, pi = {}, isChild } = options;
    this.#store = trustStore(agentDir);
    this.#override = pi.noApprove === true ? false : pi.approve === true && !isChild ? true : undefined;
    const decided = this.#decision();
    this.#isUndecided = decided === undefined;
    this.#isTrusted = decided === true;
    this.settings = readOnlySettings(cwd, agentDir, () => this.#isTrusted);
    setTrusted(this.settings, this.#isTrusted);
  }

  get cwd(): string {
    return this.options.cwd;
  }

  get isTrusted(): boolean {
    return this.#isTrusted;
  }

  /** Whether the folder has something of its own and no person has decided about it. */
  get isUndecided(): boolean {
    return this.#isUndecided;
  }

  /** Whether anything of the folder is left out. */
  get leavesOut(): boolean {
    return !this.#isTrusted && needsTrust(this.cwd);
  }

  /** Decides again by what is known now. Call it before pi loads anything again. */
  check(): void {
    const decided = this.#decision();
    this.#isUndecided = decided === undefined;
    this.#set(decided === true);
    this.onChecked();
  }

  /**
   * A person has decided. Returns why the decision could not be kept for the next time, or undefined. It holds for this
   * process in any case.
   */
  decide(isTrusted: boolean): string | undefined {
    this.#byExtension = this.#override = this.#unkept = undefined;
    let problem: string | undefined;
    try {
      this.#store.decide(this.cwd, isTrusted);
    } catch (error) {
      problem = messageOf(error);
      this.#unkept = isTrusted;
    }
    this.#isUndecided = false;
    this.#set(isTrusted);
    return problem;
  }

  /** The options of pi's loader: as given, without what the folder has while it is not trusted. */
  loaderOptions(given: LoaderOptions): LoaderOptions {
    // pi 1.x does this by itself. pi 0.73 would read the files of the folder.
    if (hasTrust(this.settings)) return given;
    const own = (name: string) => readText(join(this.options.agentDir, name));
    return {
      ...{
        systemPromptOverride: (found) => (this.#isTrusted ? found : own('SYSTEM.md')),
        appendSystemPromptOverride: (found) =>
          this.#isTrusted ? found : [own('APPEND_SYSTEM.md')].filter((text) => text !== undefined),
      },
      ...given,
    };
  }

  /** Has pi 1.x ask the extensions of the person first, as it does itself. */
  reloadOptions(): { resourceLoaderReloadOptions?: { resolveProjectTrust: (loaded: Loaded) => Promise<boolean> } } {
    if (!hasTrust(this.settings) || this.#override !== undefined || !needsTrust(this.cwd)) return {};
    const resolveProjectTrust = async ({ extensionsResult }: Loaded) => {
      const said = await extensionDecision(extensionsResult, this.cwd, (text) => void this.warnings.push(text));
      if (said !== undefined) this.#takeExtensions(said);
      else this.check();
      return this.#isTrusted;
    };
    return { resourceLoaderReloadOptions: { resolveProjectTrust } };
  }

  #takeExtensions({ isTrusted, remember }: { isTrusted: boolean; remember: boolean }): void {
    if (remember) {
      const problem = this.decide(isTrusted);
      if (problem !== undefined) this.warnings.push(unkeptText(problem));
    }
    this.#byExtension = isTrusted;
    this.check();
  }

  /** Undefined where a person has to decide. A folder that has nothing of its own is trusted, as in pi. */
  #decision(): boolean | undefined {
    const made = this.#unkept ?? this.#override ?? this.#byExtension ?? this.#stored();
    return made ?? (needsTrust(this.cwd) ? defaultTrust(this.cwd, this.options.agentDir) : true);
  }

  #stored(): boolean | undefined {
    try {
      return this.#store.decision(this.cwd);
    } catch (error) {
      const text = `The decisions about folders cannot be read: ${messageOf(error)}`;
      if (!this.warnings.includes(text)) this.warnings.push(text);
      // A file that cannot be read may hold a refusal.
      return needsTrust(this.cwd) ? undefined : false;
    }
  }

  #set(isTrusted: boolean): void {
    this.#isTrusted = isTrusted;
    setTrusted(this.settings, isTrusted);
  }
}

/** What the person has set for all folders, in pi's own settings. A folder cannot set it. */
export function defaultTrust(cwd: string, agentDir: string): boolean | undefined {
  const settings = readOnlySettings(cwd, agentDir, () => false).getGlobalSettings();
  const chosen: unknown = Reflect.get(settings, 'defaultProjectTrust');
  return chosen === 'always' ? true : chosen === 'never' ? false : undefined;
}

interface Loaded {
  extensionsResult: Pick<LoadExtensionsResult, 'extensions'>;
}

/** What to say of a decision that is not there the next time. */
export function unkeptText(problem: string): string {
  return `The decision about this folder holds until the session is started again, because it could not be stored: ${problem}`;
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
