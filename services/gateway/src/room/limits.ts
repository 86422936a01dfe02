/** The bounds of viewing. Bytes and milliseconds; each can be set where a gateway is made. */
export const ROOM_LIMITS = {
  /** Above this many bytes unsent a viewer is parked: only its offset is kept. */
  parkBytes: 256 * 1024,
  /** Below this many bytes unsent a parked viewer is filled again. */
  refillBytes: 64 * 1024,
  /** A parked viewer that takes nothing for so long is closed. */
  stallMs: 30_000,
  /** A viewer that has been greeted and does not say where to begin is closed after so long. */
  resumeMs: 30_000,
  /** Bytes of one message during replay. */
  chunkBytes: 64 * 1024,
  /** Recent events kept per room, ready to be sent. */
  ringBytes: 1024 * 1024,
  /** Older events read for one viewer and kept for others, per room. */
  historyBytes: 8 * 1024 * 1024,
  /** How long they are kept after somebody last wanted them. */
  historyMs: 5_000,
  /** How long a room outlives its last viewer. */
  lingerMs: 10_000,
  /** Rooms without a viewer kept at once. */
  lingering: 64,
  /** How long changes of who watches are gathered. */
  presenceMs: 250,
  /** Watchers listed at most. */
  presenceListed: 64,
  /** Pieces held while an open message is asked for. */
  heldPieces: 2_048,
};

export type RoomLimits = typeof ROOM_LIMITS;
