#!/usr/bin/env node
import { hasScreen, openBrowser, parseFlags, readOptions, runService } from '@pizzapi/process';
import { PAGE_NAME, type ErrorInfo } from '@pizzapi/protocol';
import { requirePi } from '@pizzapi/runner/installation';
import { startLocal, type LocalAddress } from './app.js';
import { LOCAL_OPTIONS } from './options.js';
import { LOCAL_OPTION_GROUPS, passedEnvironment, REFUSED_OPTIONS } from './passedOptions.js';
import { phoneLines } from './phone.js';
import { piLines } from './runnerPi.js';

const about = 'Run nats-server, gateway, projector, runner and dashboard on this machine.';
const flags = parseFlags('pizzapi local', about, LOCAL_OPTION_GROUPS, {
  examples: [
    'pizzapi local',
    'pizzapi local --port 8080 --no-open',
    'pizzapi local --lan',
    'pizzapi local --approvals ask --roots ~/projects',
    'ANTHROPIC_API_KEY=… pizzapi local',
  ],
  refused: REFUSED_OPTIONS,
});

await runService(
  'pizzapi',
  async ({ log, signal, env }) => {
    const options = readOptions(LOCAL_OPTIONS, flags, env);
    const passed = passedEnvironment(flags, env);
    // The runner would end with the same error, but only in its log.
    const { warnings } = await requirePi({}, passed);
    const progress = (text: string) => void process.stderr.write(`pizzapi: ${text}\n`);
    const started = await startLocal(options, { log, signal, env: passed, progress });
    const address = started.kind === 'started' ? started.local.address : started.address;
    announce(address, options.json, started.kind === 'already_running', warnings);
    // Every browser can resolve this host name. The page there redirects to the page's own name, or shows what to do.
    if (options.open && !options.json && hasScreen(env)) openBrowser(atHost(address));
    if (started.kind === 'already_running') process.exit(0);
    return started.local;
  },
  { limitMs: 60_000, stopWithParent: true },
);

function atHost({ url, loginUrl }: LocalAddress): string {
  return url + loginUrl.slice(loginUrl.indexOf('/#'));
}

function announce(address: LocalAddress, json: boolean, already: boolean, warnings: readonly ErrorInfo[]): void {
  if (json) {
    process.stdout.write(`${JSON.stringify(address)}\n`);
    return;
  }
  const head = already ? 'PizzaPi is already running.' : 'PizzaPi is ready.';
  process.stdout.write(
    [
      '',
      `  ${head} Open this link to sign in (it works once):`,
      '',
      `    ${address.loginUrl}`,
      '',
      ...(new URL(address.loginUrl).hostname === PAGE_NAME ? [`  Page not found?   Open ${address.url} for help`] : []),
      ...piLines(address.pi, warnings),
      ...phoneLines(address.phone, process.stdout.isTTY ? process.stdout.columns : undefined),
      '  New link:         npx pizzapi link',
      "  Watch the log:    eval \"$(npx pizzapi nats-env)\"; nats sub 'session.*.events' --translate 'npx pizzapi decode'",
      `  State and logs:   ${address.home}`,
      ...(already ? [] : ['  Stop:             Ctrl-C; sessions continue at the next start']),
      '',
      '',
    ].join('\n'),
  );
}
