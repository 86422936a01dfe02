import { addOptions } from '@pizzapi/process';
import { Command } from 'commander';
import { expect, it } from 'vitest';
import { readRunnerOptions, RUNNER_OPTIONS } from './options.js';

it('the help of the runner names every flag with its variable and default', () => {
  const command = addOptions(new Command('pizzapi runner'), RUNNER_OPTIONS).configureHelp({ helpWidth: 120 });
  expect(command.helpInformation()).toMatchInlineSnapshot(`
    "Usage: pizzapi runner [options]

    Options:
      --home <folder>                Folder for all state of a local run (default: ~/.pizzapi, env: PIZZAPI_HOME)
      --name <name>                  Name of the runner (default: the host name) (env: PIZZAPI_RUNNER_NAME)
      --roots <folders...>           Folders that sessions may start in (default: the home folder) (env: PIZZAPI_ROOTS)
      --allow <rights>               What people may do on this machine, separated by commas: sessions, terminals,
                                     files:read, files:write, exec (default: what the token allows) (env: PIZZAPI_ALLOW)
      --max-sessions <number>        Most sessions that run at once (default: 16, env: PIZZAPI_MAX_SESSIONS)
      --warm-worker <state>          Keep a worker ready, so that a new session begins at once: on, or off to save its
                                     memory (default: on, env: PIZZAPI_WARM_WORKER)
      --idle-minutes <minutes>       Idle minutes after which a session is suspended until its next input (default: 30, env:
                                     PIZZAPI_IDLE_MINUTES)
      --terminal-idle-hours <hours>  Hours without viewers after which a terminal ends; 0: never (default: 24, env:
                                     PIZZAPI_TERMINAL_IDLE_HOURS)
      --open-seconds <seconds>       Seconds a session may take to open, extensions included (default: 60, env:
                                     PIZZAPI_OPEN_SECONDS)
      --human <state>                Tools for questions, to-dos, plans, approvals and goals: on or off (default: on, env:
                                     PIZZAPI_HUMAN)
      --approvals <policy>           Tool calls that change something: allow, or ask for approval (default: allow, env:
                                     PIZZAPI_APPROVALS)
      --interrupted <action>         After this runner was stopped while an agent worked: ask whether it continues, or
                                     continue it at the next start (default: ask, env: PIZZAPI_INTERRUPTED)
      --link-wait <seconds>          Seconds a child session waits for an answer before it continues; late answers are
                                     accepted for twice this time (default: 300, env: PIZZAPI_LINK_WAIT_SECONDS)
      --pi <path>                    The pi that sessions run on: its program or the folder of its package, or bundled
                                     (default: the one on PATH) (env: PIZZAPI_PI)
      --agent-dir <folder>           Folder of pi: keys, models, skills, extensions (default: your own) (env:
                                     PI_CODING_AGENT_DIR)
      --relay-url <url>              Address of the gateway, which passes the runner on to nats-server, unless --nats-url
                                     names that (env: PIZZAPI_RELAY_URL)
      --nats-url <url>               Address of nats-server; separate several by commas (default: /nats of the gateway, or
                                     nats://127.0.0.1:4222) (env: PIZZAPI_NATS_URL)
      --health-port <number>         Port for /livez, /readyz and /metrics of a process, without credentials; 0 takes a free
                                     port (env: PIZZAPI_HEALTH_PORT)
      --health-host <address>        Address that the health port listens on; 0.0.0.0 in a container, where only probes and
                                     Prometheus may reach it (default: 127.0.0.1, env: PIZZAPI_HEALTH_HOST)
      --log-level <level>            Lowest level that is logged: debug, info, warn, error, silent (default: info, env:
                                     PIZZAPI_LOG_LEVEL)
      -h, --help                     display help for command
    "
  `);
});

it('flags win over variables, and bad values are refused by name', () => {
  const env = { PIZZAPI_RUNNER_NAME: 'variable', PIZZAPI_MAX_SESSIONS: '3', PI_CODING_AGENT_DIR: '/agent' };
  expect(readRunnerOptions({ name: 'flag' }, env)).toMatchObject({ name: 'flag', maxSessions: 3, agentDir: '/agent' });
  expect(() => readRunnerOptions({ maxSessions: '0' }, {})).toThrow(/--max-sessions is "0"/);
});
