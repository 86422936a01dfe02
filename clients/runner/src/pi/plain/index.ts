/** pi as it is installed, without our wrapper: what an extension of pi knows of its session. */
export { COMMAND, PlainPi } from './extension.js';
export { announceHosted } from './hosted.js';
