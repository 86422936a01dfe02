/**
 * The backbone: streams and buckets of NATS JetStream as code, and typed access to them. The only package that speaks
 * to NATS. Everything here carries on by itself after a failure of the backbone.
 */
export { connectBackbone, OLDEST_SERVER, reauthenticate, stateSeedOf } from './connection.js';
export type { Backbone, BackboneCounters, BackboneOptions, BackboneStatus } from './connection.js';
export { runBackboneService } from './backboneService.js';
export type { BackboneServiceParts, BuiltService } from './backboneService.js';
export { natsLoginOf } from './natsLogin.js';
export type { NatsOptions } from './natsLogin.js';
export { createNkeySeed, inboxPrefixOfNkey, isNkeySeed, openNkey, verifyNkey } from './nkeys.js';
export type { Nkey, NkeyKind } from './nkeys.js';
export {
  deleteBucket,
  ensureBucket,
  provision,
  purgeSession,
  refreshIdentity,
  storedBytes,
  streamIdentity,
  verifyProvisioned,
} from './provision.js';
export type { StoredBytes } from './provision.js';
export { provisionStore } from './provisionStore.js';
export { adoptPartitions, readPartitions, verifyMapping } from './partitions.js';
export type { PartitionsRow } from './partitions.js';
export { migratePartitions } from './migratePartitions.js';
export type { MigrateOptions, MigrationOutcome, MigrationProgress } from './migratePartitions.js';
export type { LogSummary } from './logProof.js';
export type { FieldChange, StreamChange } from './provisionStream.js';
export { STORAGE_OPTIONS, storageLimitsOf } from './storageOptions.js';
export { migrateStateAccount } from './migrateStateAccount.js';
export * from './streams.js';
export { lastEvent, lastStored } from './lastEvent.js';
export { headOf, replay } from './replay.js';
export type { ReplayOptions, StoredEvent } from './replay.js';
export { tail } from './tail.js';
export type { Tail, TailOptions } from './tail.js';
export { follow } from './follow.js';
export type { FollowSink } from './follow.js';
export { appendWholeLog } from './bulkAppend.js';
export type { BulkAppendOptions } from './bulkAppend.js';
export { MAX_SPOOL_BYTES, openWriter } from './writer.js';
export type { AppendOutcome, SessionWriter, SpoolState, WriterOptions } from './sessionWriter.js';
export { spooledEvents } from './spool.js';
export { claimSession, forgetOwner, ownerOf, takeNextEpoch } from './owners.js';
export type { Claim, ClaimOutcome, NextEpoch, Owner } from './owners.js';
export { shareLinkStateOf } from './shareLinks.js';
export type { ShareLinkState } from './shareLinks.js';
export { announce, readAnnouncements } from './announcements.js';
export { bucket } from './kv.js';
export * from './tables.js';
export {
  deleteSessionRows,
  parseSessionRowKey,
  readSessionRow,
  SESSION_ROW_MARKER_MS,
  sessionRowKey,
  sessionRowPrefix,
  UNOWNED,
} from './sessionRow.js';
export { forgetRecentSession, RECENT_LAG_MS, withRecentChanges } from './recentSessions.js';
export type { RecentChanges } from './recentSessions.js';
export { keepWatching, WatchCache } from './watchCache.js';
export type { WatchCacheListener, WatchCacheOptions } from './watchCache.js';
export type {
  Bucket,
  BucketOptions,
  DeleteOptions,
  GoneReason,
  KvChange,
  KvItem,
  KvUpdate,
  KvWatchOptions,
  KvWrite,
  WriteOptions,
} from './bucket.js';
export { holdLease, LEASE_RENEW_MS, LEASE_TTL_MS, leaseAt, readLease } from './lease.js';
export type { Lease, LeaseOptions, LeaseOutcome, LeaseState, LeaseValue } from './lease.js';
export { watchLeases } from './leaseWatch.js';
export type { LeaseChange } from './leaseWatch.js';
export { publishAudit, publishRunnerEvent, sendCommand } from './publish.js';
export type { AuditRecord, StoreOutcome } from './publish.js';
export { probeWrites, type WriteProbeOutcome } from './writeProbe.js';
export { AUDIT_KINDS, createAuditWriter } from './auditWriter.js';
export type { AuditFields, AuditKind, AuditWriter } from './auditWriter.js';
export { readCommands } from './commands.js';
export { PAGE_COMMANDS, storedCommandsAfter } from './storedCommands.js';
export type { ReadCommandsOptions } from './commands.js';
export { openLedger } from './ledger.js';
export { openRunnerEventWriter, type RunnerEventWriter } from './runnerEventWriter.js';
export type { Ledger, LedgerEntry } from './ledger.js';
export { consumeStream, isNewLog, logStreams, partitionsOf, streamHead } from './consume.js';
export type { ConsumeOptions, StoredRecord } from './consume.js';
export { consumeDurably } from './durableConsumer.js';
export type { ConsumeDurablyOptions } from './durableConsumer.js';
export { relayVersion } from './relayVersion.js';
export { claimGrant, getBlobVia, hasResult, idsAfter, linkModes, putBlobVia, seqBefore } from './hostApiClient.js';
export type { SessionCaller, HostApiOptions, GrantOutcome } from './hostApiClient.js';
export { LOG_API, OWN_API, STATE_API } from './jetstreamApi.js';
export type { ApiPrefix } from './jetstreamApi.js';
export { storedIdsAfter } from './storedIds.js';
export type { StoredIds } from './storedIds.js';
export { MAX_AUDIT_ROWS, readAudit } from './auditRead.js';
export type { AuditPage, AuditPageOptions, StoredAuditRow } from './auditRead.js';
export { askAll, requestRpc, roundTrip, serveRpc } from './rpc.js';
export type { RpcOutcome, ServeOptions } from './rpc.js';
export type { Blob } from './blobs.js';
export { BlobStore, parseBlobKey, UNUSED_BLOB_MS } from './blobStore.js';
export type { BlobPlace, PutBlob, PutOptions, TakenBlob } from './blobStore.js';
export { BlobRemoval, removeBlobs } from './blobRemoval.js';
export type { RemoveOutcome } from './blobRemoval.js';
export { NO_STORAGE_LIMITS, storageFull, storageSums, StorageUsage } from './storageUsage.js';
export type {
  ChargeOutcome,
  LogBytes,
  StorageLimits,
  StorageOwners,
  StorageShortage,
  StorageUse,
} from './storageUsage.js';
export { moveBlobs } from './moveBlobs.js';
export { archiveSession, eraseArchived, openArchive, proveArchive } from './backup/archive.js';
export { removeUnfinished } from './unfinishedSession.js';
export type { ArchivedSession, OpenedArchive } from './backup/archive.js';
export { askErasure } from './erasure/askErasure.js';
export { BACKUP_OPTIONS, RESTORE_OPTIONS } from './backup/backupOptions.js';
export { backUp } from './backup/backup.js';
export type { BackupOptions, BackupOutcome, BackupProgress } from './backup/backup.js';
export { checkFolder, openBackupFolder, readBackupFolder } from './backup/backupFolder.js';
export type { BackupSink, BackupSource } from './backup/backupFolder.js';
export { streamSink, unpackStream } from './backup/backupStream.js';
export { syncPath } from './backup/writtenFile.js';
export { compareFolds } from './backup/refold.js';
export type { RefoldOutcome } from './backup/refold.js';
export { restore } from './backup/restore.js';
export type { RestoreOptions, RestoreOutcome } from './backup/restore.js';
export type { RestoreProgress } from './backup/restoreLog.js';
export { readTombstones } from './erasure/tombstones.js';
export { closeAccount, eraseAccount, sessionsOf } from './erasure/eraseAccount.js';
export { addRemoved, eraseSession, hashOfIds, hasTraces, runnersOf } from './erasure/eraseSession.js';
export type { Removed } from './erasure/eraseSession.js';
export { buryRow, erasedKey, tombstoneLine, tombstoneOf, tombstones, TombstoneSet } from './erasure/tombstones.js';
export type { Tombstone } from './erasure/tombstones.js';
