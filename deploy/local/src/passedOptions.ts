import { AUTHENTICATOR_OPTIONS } from '@pizzapi/authenticator';
import { GATEWAY_OPTIONS } from '@pizzapi/gateway/options';
import { PROJECTOR_OPTIONS } from '@pizzapi/meta-projector/options';
import {
  flagsAsEnvironment,
  OPTIONS,
  readOptions,
  type OptionGroup,
  type OptionSpec,
  type OptionsSpec,
  type RefusedOption,
} from '@pizzapi/process';
import { CodedError } from '@pizzapi/protocol';
import { RUNNER_OPTIONS } from '@pizzapi/runner/options';
import { LOCAL_OPTIONS } from './options.js';

/** The options of the processes that `pizzapi local` starts. */
export const PROCESS_OPTIONS = {
  gateway: GATEWAY_OPTIONS,
  runner: RUNNER_OPTIONS,
  projector: PROJECTOR_OPTIONS,
  authenticator: AUTHENTICATOR_OPTIONS,
} as const satisfies Record<string, OptionsSpec>;

/** The flags that `pizzapi local` refuses because it sets these options itself, by variable, with the reason. */
const SET_BY_LOCAL: Readonly<Record<string, string>> = {
  PIZZAPI_NATS_URL: '`pizzapi local` starts a nats-server of its own; use --nats-port to choose its port',
  PIZZAPI_RELAY_URL: '`pizzapi local` is the gateway of its own runner',
  PIZZAPI_NATS_WEBSOCKET_URL: '`pizzapi local` passes runners on to its own nats-server',
  PIZZAPI_DASHBOARD: '`pizzapi local` serves the page that it was built with',
  PIZZAPI_REBUILD: 'the projector ends after a rebuild; run the projector itself with this flag',
};

/** What differs when the processes run together. */
const CHANGED: Readonly<Record<string, Partial<Pick<OptionSpec, 'help' | 'default'>>>> = {
  PIZZAPI_SIGNUP: { default: 'closed' },
  PIZZAPI_NOTIFY_PRIVATE: {
    help: `${OPTIONS.notifyPrivate.help} (default: true while sign-up is closed)`,
    default: undefined,
  },
  PIZZAPI_HEALTH_PORT: {
    help: 'Only 0: each process takes a free port for /livez, /readyz and /metrics and logs it',
  },
};

const OWN = new Set(Object.values<OptionSpec>(LOCAL_OPTIONS).map(({ env }) => env));

/** Every option of the processes once, with the first process that takes it. */
function passed(): { process: string; options: OptionsSpec }[] {
  const listed = new Set(OWN);
  return Object.entries<OptionsSpec>(PROCESS_OPTIONS).map(([process, spec]) => {
    const own = Object.values(spec).filter(({ env, flag }) => {
      const isNew = flag !== undefined && SET_BY_LOCAL[env] === undefined && !listed.has(env);
      if (isNew) listed.add(env);
      return isNew;
    });
    return { process, options: Object.fromEntries(own.map((option) => [option.env, changed(option)])) };
  });
}

function changed(option: OptionSpec): OptionSpec {
  return { ...option, ...CHANGED[option.env] } as OptionSpec;
}

const BY_PROCESS = passed();

/** The options that `pizzapi local` accepts for the processes that it starts, by variable. */
export const PASSED_OPTIONS: OptionsSpec = Object.assign(
  {},
  ...BY_PROCESS.map(({ options }) => options),
) as OptionsSpec;

/** The options of `pizzapi local` for its `--help`. */
export const LOCAL_OPTION_GROUPS: readonly OptionGroup[] = [
  { heading: 'Options:', options: LOCAL_OPTIONS },
  ...BY_PROCESS.filter(({ options }) => Object.keys(options).length > 0).map(({ process, options }) => ({
    heading: `Options of the ${process}:`,
    options,
  })),
];

/** The flags of the processes that `pizzapi local` refuses. */
export const REFUSED_OPTIONS: readonly RefusedOption[] = Object.values<OptionsSpec>(PROCESS_OPTIONS)
  .flatMap((spec) => Object.values(spec))
  .flatMap((option) => {
    const reason = SET_BY_LOCAL[option.env];
    return option.flag === undefined || reason === undefined ? [] : [{ option, reason }];
  })
  .filter(({ option }, at, all) => all.findIndex((other) => other.option.env === option.env) === at);

/**
 * Returns the environment of the processes: the user's own, with the flags that were given. Throws `bad_option` for an
 * invalid flag or variable, before a process starts.
 */
export function passedEnvironment(flags: Readonly<Record<string, unknown>>, env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  readOptions(PASSED_OPTIONS, flags, env);
  const { healthPort } = readOptions({ healthPort: OPTIONS.healthPort }, flags, env);
  if (healthPort !== undefined && healthPort !== 0)
    throw new CodedError(
      'bad_option',
      `--health-port is ${healthPort}, but several processes cannot share one port; use 0`,
    );
  return { ...env, ...flagsAsEnvironment(PASSED_OPTIONS, flags) };
}
