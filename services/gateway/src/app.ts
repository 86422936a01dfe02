import { networkInterfaces } from 'node:os';
import { BlobStore, createAuditWriter, recentSessionsRows, refreshIdentity } from '@pizzapi/backbone';
import {
  exportBackboneMetrics,
  exportBuildInfo,
  hostUrl,
  LOOPBACK,
  noTracing,
  packageVersion,
  pagePathOf,
  sleep,
} from '@pizzapi/process';
import { splitAddresses } from '@pizzapi/protocol';
import { Joins } from './audit/joins.js';
import { DenialAuditor } from './audit/denialAuditor.js';
import { OriginPolicy } from './auth/originPolicy.js';
import { CredentialCache } from './auth/credentialCache.js';
import { DownloadTickets } from './auth/downloadTickets.js';
import { ShareGuests } from './auth/shareGuests.js';
import { ShareStore } from './auth/shareStore.js';
import { ShareTokens } from './auth/shareTokens.js';
import { auditRoutes } from './http/auditRoutes.js';
import { blobRoutes } from './http/blobRoutes.js';
import { limitConnections } from './http/connections.js';
import { RequestsInFlight } from './http/requestsInFlight.js';
import { registerGuard } from './http/guard.js';
import { installRoutes } from './http/installRoutes.js';
import { listen, type Listening } from './http/listen.js';
import { networkRoutes } from './http/networkRoutes.js';
import { opsRoutes } from './http/opsRoutes.js';
import { pageRoutes } from './http/pageRoutes.js';
import { purgeRoutes } from './http/purgeRoutes.js';
import { runnerRoutes } from './http/runnerRoutes.js';
import { fileTransferRoutes } from './http/fileTransferRoutes.js';
import { runnerRpcRoutes } from './http/runnerRpcRoutes.js';
import { RunnerCalls } from './runner/runnerCalls.js';
import { registerAuthorization } from './http/authorization.js';
import { createServer, describeApi } from './http/server.js';
import { sessionRoutes } from './http/sessionRoutes.js';
import { shareRoutes } from './http/shareRoutes.js';
import { topRoutes } from './http/topRoutes.js';
import { usageRoutes } from './http/usageRoutes.js';
import { GatewayMetrics } from './metrics.js';
import { createAccountModule } from './accountModule.js';
import { findLanAddresses, namedAddresses } from './network/addresses.js';
import { LanAccess } from './network/lanAccess.js';
import { NatsAddresses } from './nats/natsAddresses.js';
import { natsRoute } from './nats/natsRoute.js';
import { NatsTunnels } from './nats/tunnels.js';
import { Network } from './network/network.js';
import { ROOM_LIMITS } from './room/limits.js';
import { natsSource } from './room/natsSource.js';
import { PresenceExchange } from './room/presenceExchange.js';
import { Rooms } from './room/rooms.js';
import { Access } from './session/access.js';
import { ActionRates, DEFAULT_ACTION_RATES } from './session/actionRates.js';
import { RunnerReplies } from './session/runnerReplies.js';
import { SessionVisibility } from './session/visibility.js';
import { CommandSender } from './session/commandSender.js';
import { Directory } from './session/directory.js';
import { RecentSpawns } from './session/recentSpawns.js';
import { SpawnAnnouncements } from './session/spawnAnnouncements.js';
import { IdempotentIds } from './session/keys.js';
import { SessionReader } from './session/reader.js';
import { AccountLogSizes } from './session/logSizes.js';
import { SessionLoader } from './session/sessionLoader.js';
import { SessionEntries } from './session/sessionEntries.js';
import { SessionPages } from './session/sessionPages.js';
import { SharedSessions } from './session/sharedSessions.js';
import { RelayStorage } from './session/relayStorage.js';
import type { Gateway, GatewayParts } from './gateway.js';
import { gatewayBus } from './gatewayBus.js';
import { StoreHealth } from './storeHealth.js';
import { Eraser } from './session/eraser.js';
import { Remover } from './session/remover.js';
import { RunnerForgetter } from './session/runnerForgetter.js';
import { Spawner } from './session/spawner.js';
import { DEFAULT_STORAGE_LIMITS, Storage } from './session/storage.js';
import { MetaFeeds } from './sockets/metaFeed.js';
import { registerUpgrades, socketRoutes } from './sockets/socketRoutes.js';
import { Sockets } from './sockets/sockets.js';
import { keyboardAudit } from './terminals/keyboardAudit.js';
import { natsTerminalSource } from './terminals/terminalSource.js';
import { TerminalRooms } from './terminals/terminalRooms.js';

const VERSION = packageVersion(import.meta.url);
/** Reads of the log for viewers that run at once. */
const CONCURRENT_READS = 16;
/** How long viewers may take to leave when the gateway drains, in ms. */
const LEAVE_MS = 2_000;
/** Time over which viewers reconnect after the drain, by default, in ms. They are to be live again within two seconds. */
const DRAIN_JITTER_MS = 1_000;
/** Time for a load balancer to see that this gateway is not ready, in ms. */
const NOTICE_MS = 100;

/** Builds a gateway over a backbone: every part in the order in which it is needed, nothing found by magic. */
export async function createGateway({
  backbone: b,
  options,
  log,
  metrics: counters,
  tracing = noTracing,
}: GatewayParts): Promise<Gateway> {
  const { port, secret } = options;
  const host = options.host === 'localhost' ? LOOPBACK[0] : options.host;
  const originPolicy = new OriginPolicy(options.publicUrl, host);
  const publicUrl = () => originPolicy.pageUrl;
  const pagePath = pagePathOf(options.publicUrl);
  const isWildcard = ['0.0.0.0', '::', ''].includes(host);
  let listening: Listening | undefined;
  let draining = false;

  const metrics = new GatewayMetrics(counters);
  const isConnected = () => b.status() === 'connected';
  exportBackboneMetrics(counters, () => b.counters, isConnected);
  exportBuildInfo(counters, VERSION);
  const limits = { ...ROOM_LIMITS, ...options.limits };
  const directory = new Directory(b, log, {}, (keyHash) => credentialCache.keys.peek(keyHash)?.allow);
  const shares = new ShareStore(b, log);
  const recentSpawns = new RecentSpawns();
  const credentialCache = new CredentialCache(b, log);
  const accountOf = (userId: string) => credentialCache.accounts.peek(userId);
  const access = new Access(directory, shares, recentSpawns, (userId) => accountOf(userId)?.disabledAt !== undefined);
  const loader = new SessionLoader(directory, access);
  const shared = new SharedSessions({ directory, shares, accountOf });
  const pages = new SessionPages({ directory, recent: recentSessionsRows(b), shared });
  const logSizes = new AccountLogSizes({ rows: directory.rows });
  const storageLimits = { ...DEFAULT_STORAGE_LIMITS, ...options.storage };
  const blobs = new BlobStore(b, storageLimits);
  const logs = {
    accounts: logSizes,
    ofSession: (sid: string) => directory.logBytesOf(sid),
    list: (userId: string) => pages.rowsOf(userId),
  };
  const relayStorage = new RelayStorage(b);
  const storage = new Storage(blobs, logs, relayStorage, storageLimits);
  const storeHealth = new StoreHealth(b, log);
  const rates = new ActionRates({ ...DEFAULT_ACTION_RATES, ...options.rates });
  const replies = new RunnerReplies(b, log);
  const visibility = new SessionVisibility(b);
  const ids = new IdempotentIds(secret);
  const reader = new SessionReader(b, directory);
  const audit = createAuditWriter(b, log);
  const commandSender = new CommandSender({
    b,
    directory,
    access,
    recentSpawns,
    blobs,
    storage,
    rates,
    ids,
    reader,
    storeHealth,
    audit,
    metrics,
    tracing,
  });
  const remover = new Remover({ b, directory, commandSender, shares, audit });
  const eraser = new Eraser({ b, directory, commandSender, remover });
  const denials = new DenialAuditor({ audit, metrics });
  const joins = new Joins({ audit });
  const bus = gatewayBus(b);
  const spawns = new SpawnAnnouncements(bus, recentSpawns, (sid) => directory.userOf(sid) !== undefined);
  const presence = new PresenceExchange(bus);
  const rooms = new Rooms({
    presence,
    source: (sid) => natsSource(b, sid),
    limits,
    concurrentReads: CONCURRENT_READS,
    metrics,
    ...(tracing.isOn ? { tracing } : {}),
    log,
  });
  const entries = new SessionEntries({
    ...{ publicUrl, directory, shares, accountOf },
    countViewers: (sid) => rooms.countViewers(sid),
    retentionDays: options.retentionDays ?? 0,
  });
  const spawner = new Spawner({
    ...{ b, directory, access, spawns, blobs, storage, commandSender, replies, ids, tracing },
    publicUrl,
    waitMs: options.spawnWaitMs ?? 10_000,
  });
  const natsAddresses = new NatsAddresses(options);
  const tokens = new ShareTokens(secret);
  const guests = new ShareGuests(tokens, shares, credentialCache);
  const {
    authenticator,
    keys,
    limits: attempts,
    findPerson,
    register: registerPeople,
    ...people
  } = createAccountModule({
    ...{ b, secret, credentialCache, guests, metrics, log },
    secure: options.publicUrl?.startsWith('https:') === true,
    pagePath,
    publicUrl,
    outsideUrl: () => network.outsideUrl(),
    natsAddresses,
    signup: options.signup ?? 'first',
    issuer: options.issuer,
    isAtPage: (headers) => originPolicy.isAtPage(headers),
    isLan: (headers) => originPolicy.isLan(headers),
    reach: options.reach ?? { allowPrivate: false },
    attemptsPerMinute: options.attemptsPerMinute,
    passwords: options.passwords,
  });
  const tunnels =
    options.natsWebSocketUrl === undefined
      ? undefined
      : new NatsTunnels(
          splitAddresses(options.natsWebSocketUrl).map((url) => new URL(url)),
          metrics,
        );
  const runnerForgetter = new RunnerForgetter({ b, directory, keys, audit });
  const metas = new MetaFeeds(b, reader, log);
  const ready = () => !draining && directory.isReady && credentialCache.isReady && shares.isReady && isConnected();
  metrics.figures = {
    rooms: () => rooms.figures(),
    isReady: ready,
    isWriting: () => storeHealth.isWriting,
    leases: (kind) => directory.countLeases(kind),
    storage: () => (relayStorage.isReachable ? relayStorage.uses() : Promise.resolve([])),
  };
  const calls = new RunnerCalls({ b, directory, audit, rates });
  const terminals = new TerminalRooms({
    hostOf: (terminalId) => natsTerminalSource({ b, calls, access, directory }, terminalId),
    recordKeyboard: keyboardAudit({ rates, audit }),
    log,
  });
  const sockets = new Sockets({
    terminals,
    rooms,
    reader,
    entries,
    access,
    visibility,
    commandSender,
    metrics,
    denials,
    joins,
    log,
    directory,
    loader,
    pages,
    shared,
    metas,
    resumeMs: limits.resumeMs,
  });
  directory.on((change) => {
    if (change.kind === 'host') rooms.find(change.sid)?.broadcast({ type: 'host', state: change.state });
    else if (change.kind === 'session_gone') void dropDeleted(change.sid);
    else if (change.kind === 'lease') metrics.leaseChanged(change.key, change.change);
    else if (change.kind === 'granted') recentSpawns.delete(change.sid);
    else if (change.kind === 'gap') logSizes.clear();
  });
  directory.onRow((userId, sid, change) => logSizes.changed(userId, sid, change));
  // Its owner takes the place of the expectation.
  directory.follow((_userId, sid) => recentSpawns.has(sid));
  credentialCache.on((change) => sockets.revoke(change));
  shares.on((change) => sockets.revoke(change));
  shares.onGrantee((sid, grantee) => sockets.grantChanged(sid, grantee));
  // What an account has shared rests while it is disabled.
  credentialCache.accounts.onChange((userId, after, before) => {
    if (after?.disabledAt === before?.disabledAt) return;
    for (const { sid, grantee } of shares.sharedBy(userId)) sockets.grantChanged(sid, grantee);
  });

  /** A projection that is rebuilt loses keys for a while; a session is gone only when its log is. */
  const dropDeleted = async (sid: string): Promise<void> => {
    if (rooms.find(sid) !== undefined && !(await reader.isLogged(sid))) rooms.drop(sid, 'session_gone');
  };

  const trustedProxies = options.trustedProxies ?? [];
  const app = createServer({
    ...{ http: options.http, trustedProxies, pagePath, logsAnswers: options.accessLog === true },
    originsFor: (headers) => originPolicy.socketOriginsFor(headers),
    ...{ metrics, denials, log },
  });
  const lanAccess = new LanAccess({
    server: app.server,
    find: () =>
      options.lanAddresses === undefined || options.lanAddresses.length === 0
        ? findLanAddresses(networkInterfaces())
        : namedAddresses(options.lanAddresses),
    tls: options.tls,
    isWildcard,
    onOrigins: (origins) => originPolicy.setLanOrigins(origins),
    log,
  });
  const network = new Network({
    ...{ publicUrl: options.publicUrl, host, isWildcard, lan: lanAccess, pageUrl: publicUrl, audit },
    port: () => listening?.port ?? 0,
  });
  const inFlight = new RequestsInFlight(app, () => draining);
  const connections = limitConnections(app, { limits: options.http, trustedProxies, metrics });
  await registerUpgrades(app, sockets);
  const tickets = new DownloadTickets(secret);
  registerGuard(app, { originPolicy, authenticator, connections, tickets, metrics });
  registerAuthorization(app, { access, loader, metrics });
  await describeApi(app, options.publicUrl);
  opsRoutes(app, { ready, storeHealth });
  await registerPeople(app);
  runnerRoutes(app, { directory, calls, runnerForgetter, metrics });
  runnerRpcRoutes(app, { access, calls, directory, loader, metrics });
  fileTransferRoutes(app, { access, calls, directory, loader, metrics, tickets });
  sessionRoutes(app, { b, pages, reader, commandSender, spawner, remover, metrics, entries });
  purgeRoutes(app, { eraser, metrics });
  networkRoutes(app, { network, metrics });
  shareRoutes(app, {
    shares,
    tokens,
    audit,
    metrics,
    outsideUrl: () => network.outsideUrl(),
    pagePath,
    limits: attempts,
    findPerson,
    accountOf,
  });
  blobRoutes(app, { access, blobs, storage, rates, metrics, publicUrl });
  usageRoutes(app, { access, storage });
  auditRoutes(app, { b });
  topRoutes(app, { b, directory, metrics, relayStorage, version: VERSION });
  natsRoute(app, { tunnels, connections, isDraining: () => draining, metrics });
  socketRoutes(app, { sockets, metrics, originPolicy, access, loader, isDraining: () => draining });
  installRoutes(app, { folder: options.install, originPolicy, limits: attempts, metrics });
  await pageRoutes(app, options.dashboard, originPolicy, pagePath);

  return {
    app,
    metrics,
    isReady: () => ready() && storeHealth.isWriting,
    async listen() {
      directory.start();
      credentialCache.start();
      shares.start();
      replies.start();
      spawns.start();
      presence.start();
      sockets.start();
      joins.start();
      await Promise.all([directory.ready, credentialCache.ready, shares.ready, refreshIdentity(b)]);
      listening = await listen(app, host, port);
      originPolicy.listening(listening.port);
      people.start();
      if (options.lan === true || isWildcard) await lanAccess.open(listening.port);
      const url = options.publicUrl ?? hostUrl(host, listening.port);
      log.info({ url, page: originPolicy.pageUrl }, 'listening');
      return { url, pageUrl: originPolicy.pageUrl, port: listening.port };
    },
    async drain() {
      if (draining) return;
      draining = true;
      await sleep(NOTICE_MS);
      // A load balancer that only connects finds another gateway from now on, and so do the viewers that leave.
      listening?.close();
      sockets.drain(options.drainJitterMs ?? DRAIN_JITTER_MS);
      tunnels?.drain(Math.min(LEAVE_MS, options.drainJitterMs ?? DRAIN_JITTER_MS));
      const deadline = Date.now() + LEAVE_MS;
      const left = () => sockets.open + (tunnels?.open ?? 0) + inFlight.count;
      while (left() > 0 && Date.now() < deadline) await sleep(20);
    },
    async stop() {
      draining = true;
      sockets.stop();
      tunnels?.stop();
      joins.stop();
      metas.stop();
      visibility.stop();
      directory.stop();
      people.stop();
      credentialCache.stop();
      shares.stop();
      replies.stop();
      await rooms.close();
      terminals.close();
      presence.stop();
      spawns.stop();
      await lanAccess.close();
      listening?.close();
      await app.close();
    },
  };
}
