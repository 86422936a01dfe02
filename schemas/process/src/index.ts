export * from './backoff.js';
export * from './logger.js';
export { redactText } from './redact.js';
export * from './options.js';
export * from './flags.js';
export * from './catalog.js';
export * from './migrateOptions.js';
export * from './credentialsOptions.js';
export * from './latency.js';
export * from './metrics.js';
export * from './health.js';
export * from './service.js';
export * from './serviceHealth.js';
export * from './localAuth.js';
export * from './tokens.js';
export { isSameSecret } from './sameSecret.js';
export * from './browser.js';
export * from './pageAddress.js';
export * from './pagePath.js';
export * from './networkOptions.js';
export * from './terminalQr.js';
export * from './http/connectionLimiter.js';
export * from './http/limits.js';
export * from './http/network.js';
export * from './http/refusal.js';
export * from './spans.js';
export * from './tracing.js';
export * from './retry.js';
export * from './serialQueue.js';
export * from './semaphore.js';
export * from './withTimeout.js';
export * from './processStart.js';
export {
  readPrivateFile,
  readPrivateFileSync,
  writePrivateFile,
  writePrivateJson,
  writePrivateJsonSync,
} from './privateFile.js';
export * from './packageVersion.js';
export * from './pidLock.js';
export * from './homeLayout.js';
export * from './nodeFlags.js';
