export * from './roles.js';
export * from './credentials.js';
export * from './natsConfig.js';
