/** Loads a pi that is installed on this machine in place of the bundled one. */
export { PI_ROOT } from '../processes.js';
export { usePi } from './usePi.js';
