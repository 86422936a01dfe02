export { quote as quoteConfig } from './config.js';
export { launchNatsServer } from './launch.js';
export type { Exit, LaunchOptions, NatsServer } from './launch.js';
export { describeTried, natsServerSources, obtainNatsServer, planNatsServer, requireNatsServer } from './obtain.js';
export type { NatsServerSearch, Tried } from './obtain.js';
export { processContext } from './source.js';
export type { Context, Obtained, Plan, Source } from './source.js';
export { MINIMUM_VERSION, inspect as inspectNatsServer, isNewEnough } from './version.js';
