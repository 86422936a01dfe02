import { createLogger, OWN_SECRETS } from '@pizzapi/process';
import { TERMINAL_SOCKET } from './pty/startTerminal.js';
import { TerminalProcess } from './pty/terminalProcess.js';

/** The process of one terminal: started by the daemon, which says over a socket what it is to open. */
const log = createLogger({ name: 'terminal' });
const socket = process.env[TERMINAL_SOCKET];
for (const name of [...OWN_SECRETS, TERMINAL_SOCKET]) delete process.env[name];

if (socket === undefined) {
  log.error({ code: 'bad_option' }, 'the runner starts the processes of terminals; do not start one by hand');
  process.exit(1);
}

for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
  process.on(event, (error: unknown) => {
    log.error({ code: 'internal', err: error }, 'the process of a terminal failed');
    process.exit(1);
  });
}

const terminal = await TerminalProcess.listen({ socket, log, exit: () => process.exit(0) });
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void terminal.end());
