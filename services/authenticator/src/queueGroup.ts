/** The queue group of all authenticators: one of them receives each request. */
export const QUEUE_GROUP = 'authenticators';
