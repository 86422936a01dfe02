/**
 * Node's options for the process of a gateway. A busy gateway reads some megabytes a second, which live for milliseconds.
 * V8 counts them against a heap of 30 MiB, and so it marked the whole heap twice a second, for a fifth of the processor
 * time. With a heap that may have 128 MiB from the start it does so when the heap has grown.
 */
export const GATEWAY_NODE_FLAGS: readonly string[] = ['--initial-heap-size=128'];
