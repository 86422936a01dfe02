export * from './backoff.js';
export * from './logger.js';
export * from './options.js';
export * from './catalog.js';
export * from './metrics.js';
export * from './health.js';
export * from './service.js';
export * from './localAuth.js';
