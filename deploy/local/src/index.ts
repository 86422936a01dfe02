export { startLocal, type Local, type LocalAddress, type LocalContext, type LocalStart } from './app.js';
export { LOCAL_OPTIONS } from './options.js';
export { ACCOUNTS_FILE, ROUTES_FILE, SECRET_FILES, secretTexts } from './credentialFiles.js';
export {
  clearLocalState,
  openHome,
  readNatsAccess,
  runningLocal,
  writeLocalState,
  writeNatsAccess,
  type Home,
  type LocalState,
  type NatsAccess,
} from './home.js';
export { keepRunning } from './keepRunning.js';
export { LOCAL_OPTION_GROUPS, PASSED_OPTIONS } from './passedOptions.js';
export { claimPort } from './ports.js';
export { prepareStore } from './prepareStore.js';
export {
  inheritedEnvironment,
  nodeFlags,
  pageFolders,
  processEnvironments,
  programPath,
  type LocalProgram,
} from './processes.js';
export { isOk, onlineRunners, untilReady, type ReadinessOptions } from './readiness.js';
export { requireRoom, startStep } from './startStep.js';
export { writeCredentials, type FileChange } from './writeCredentials.js';
export { SupervisedProcess, type SupervisedProcessOptions } from './supervisedProcess.js';
