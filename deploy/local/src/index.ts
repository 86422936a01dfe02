export { startLocal, type Local, type LocalAddress, type LocalContext, type LocalStart } from './app.js';
export { LOCAL_OPTIONS } from './options.js';
export { openHome, readNatsAccess, type Home, type LocalState, type NatsAccess } from './home.js';
export { LOCAL_OPTION_GROUPS, PASSED_OPTIONS } from './passedOptions.js';
