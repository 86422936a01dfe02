/** pi as it is installed, without our wrapper: what an extension of pi knows of its session. */
export { PlainPi } from './extension.js';
export { runningPi } from './runningPi.js';
