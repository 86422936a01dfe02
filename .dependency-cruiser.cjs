/** Imports run one way: schemas <- services, schemas <- clients, everything <- deploy, tests. */
const rule = (name, comment, from, to) => ({ name, severity: 'error', comment, from, to });

/** The page: features -> components (ui, markdown) -> state -> model. */
const PAGE = '^clients/dashboard/src';
const FEATURES = 'changes|entry|files|guest|hostPanel|notifications|session|settings|share|shell|terminals|transcript';
/** The components that one feature shows inside another. */
const EMBEDDED = {
  guest: ['session/SessionPage'],
  hostPanel: ['changes/ChangesPanel', 'files/FilesPanel', 'terminals/TerminalPanel'],
  session: [
    'hostPanel/(HostPanel|HostButtons|HostMenuItems|focus|tabs)',
    'share/Viewers',
    'share/ShareDialog',
    'transcript/(Transcript|Receipt|Diff|ToolIcon)',
  ],
  shell: ['entry/EntryForm', 'notifications/WaitingList'],
};
const isolated = (feature) =>
  rule(
    `page-${feature}-imports-only-named-components`,
    'A feature uses the components of another one that EMBEDDED names, and none of its internals.',
    { path: `${PAGE}/${feature}/` },
    {
      path: `${PAGE}/(${FEATURES})/`,
      pathNot: [
        `${PAGE}/${feature}/`,
        ...(EMBEDDED[feature] ?? []).map((component) => `${PAGE}/${component}[.](svelte|ts)$`),
      ],
    },
  );

module.exports = {
  forbidden: [
    rule('no-circular', 'A cycle hides which of two modules owns a thing.', {}, { circular: true }),
    rule(
      'schemas-import-no-other-packages',
      'Schemas know nobody.',
      { path: '^schemas/' },
      { path: '^(services|clients|deploy|tests)/', pathNot: '^deploy/nats-server/' },
    ),
    rule(
      'nats-server-in-tests-only',
      'Products connect to a running nats-server. Only `deploy/local` and `deploy/cluster` start one, and `pizzapi doctor` looks for one.',
      { path: '^(schemas|services|clients)/', pathNot: '/testing/|\\.test\\.ts$|^clients/cli/src/doctor/' },
      { path: '^deploy/nats-server/' },
    ),
    rule(
      'nats-server-imports-protocol-only',
      'The tests of the backbone import this package: an import of the backbone would be a cycle.',
      { path: '^deploy/nats-server/' },
      { path: '^(schemas|services|clients|deploy|tests)/', pathNot: '^(schemas/protocol|deploy/nats-server)/' },
    ),
    rule(
      'setup-without-dependencies',
      'The setup runs before the first installation.',
      { path: '^deploy/setup/' },
      { pathNot: '^deploy/setup/', dependencyTypesNot: ['core'] },
    ),
    rule(
      'services-not-clients',
      'Services and clients meet on the wire only.',
      { path: '^services/' },
      { path: '^(clients|deploy|tests)/' },
    ),
    rule(
      'clients-not-services',
      'Services and clients meet on the wire only. A test may run the real service beside.',
      { path: '^clients/', pathNot: '/testing/|\\.test\\.ts$' },
      { path: '^(services|deploy|tests)/', pathNot: '^deploy/nats-server/' },
    ),
    rule(
      'services-apart',
      'One service never imports another.',
      { path: '^services/([^/]+)/' },
      { path: '^services/', pathNot: '^services/$1/' },
    ),
    rule(
      'gateway-rooms-without-sessions',
      'The fan-out of a session knows nothing of requests.',
      { path: '^services/gateway/src/room/' },
      { path: '^services/gateway/src/session/' },
    ),
    rule(
      'gateway-sessions-without-rooms',
      'Requests know nothing of the fan-out of a session.',
      { path: '^services/gateway/src/session/' },
      { path: '^services/gateway/src/room/' },
    ),
    rule(
      'protocol-imports-nothing-of-ours',
      'The contract is pure and browser-safe.',
      { path: '^schemas/protocol/src', pathNot: '\\.test\\.ts$' },
      { path: '^(schemas/(backbone|process)|services|clients)|^node:', dependencyTypesNot: [] },
    ),
    rule(
      'only-backbone-speaks-nats',
      'One package owns the backbone. The tests of nats-server need a plain client.',
      { pathNot: '^schemas/backbone/|^deploy/nats-server/.*\\.test\\.ts$' },
      { path: 'node_modules/@nats-io/' },
    ),
    rule(
      'only-pi-adapter-imports-pi',
      'The SDK moves; one folder follows it.',
      { pathNot: '^clients/runner/src/pi/' },
      { path: 'node_modules/@mariozechner/' },
    ),
    rule(
      'only-processes-of-an-agent-load-pi',
      'The daemon asks a worker by IPC: it runs on another Node and another pi than its workers.',
      {
        path: '^clients/runner/src/',
        pathNot:
          '^clients/runner/src/((pi|tui|testing|loader)/|worker/(?!blobSpool[.])|worker(Main|Loader)[.])|\\.test\\.ts$',
      },
      {
        path: '^clients/runner/src/(pi|worker|tui)/',
        pathNot: '/worker/blobSpool[.]ts$',
        dependencyTypesNot: ['type-only'],
      },
    ),
    rule(
      'command-line-loads-no-agent',
      'The command line asks a process with pi. Only `attach` draws with what pi draws with, and only `tui` runs pi.',
      { path: '^clients/cli/src/', pathNot: '\\.test\\.ts$' },
      { path: '^clients/runner/src/(pi|worker|tui)/', pathNot: '^clients/runner/src/(pi/terminal|tui)/index[.]ts$' },
    ),
    rule(
      'attach-alone-draws-as-pi',
      'All other commands start without the terminal UI of pi.',
      { path: '^clients/cli/src/', pathNot: '^clients/cli/src/attach/' },
      { path: '^clients/runner/src/pi/terminal/' },
    ),
    rule(
      'tui-alone-runs-pi',
      'All other commands start without pi.',
      { path: '^clients/cli/src/', pathNot: '^clients/cli/src/terminal[.]ts$' },
      { path: '^clients/runner/src/tui/', dependencyTypesNot: ['type-only'] },
    ),
    ...FEATURES.split('|').map(isolated),
    rule(
      'page-components-import-no-feature',
      'Shared components know no feature.',
      { path: `${PAGE}/(ui|markdown)/` },
      { path: `${PAGE}/(${FEATURES})/` },
    ),
    rule(
      'page-state-imports-no-component',
      'State is shared by features and shows nothing.',
      { path: `${PAGE}/state/` },
      { path: `${PAGE}/`, pathNot: `${PAGE}/(state|model)/` },
    ),
    rule(
      'page-model-imports-nothing-of-the-page',
      'The model is pure: its tests need neither Svelte nor a browser.',
      { path: `${PAGE}/model/` },
      {
        path: `${PAGE}/|[.]svelte([.]ts)?$|node_modules/(svelte|@lucide|bits-ui)/`,
        pathNot: `${PAGE}/model/[^/]+[.]ts$`,
      },
    ),
    rule(
      'tests-stay-out-of-products',
      'Shipped code never imports a test.',
      { pathNot: '\\.test\\.ts$' },
      { path: '\\.test\\.ts$' },
    ),
  ],
  options: {
    doNotFollow: { path: 'node_modules|/dist/' },
    exclude: { path: '(^|/)(dist|bench/dist|\\.nx|test-output)/' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['@pizzapi/source', 'import', 'node', 'default', 'types'],
      extensions: ['.ts', '.js', '.svelte', '.mjs'],
    },
  },
};
