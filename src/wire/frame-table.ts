/**
 * What a framer looks at: one 256-entry table per direction and purpose, built once and shared by all sessions.
 * It knows type bytes and bounds, nothing of what a session does with a message.
 */
import {
  type BackendKind,
  backendTypes,
  type Direction,
  type FrontendKind,
  frontendTypes,
} from './message-types.js';

/** The type byte does not exist in this direction, or cannot come here. */
export const UNKNOWN = 0;
/** The message streams through unassembled. */
export const HOP = 1;
/** The message is assembled and shown to the sink. */
export const SHOW = 2;
/** As SHOW, and a body beyond its limit is reported and thrown away instead of being fatal. */
export const SHOW_OR_DISCARD = 3;
/** Each message is asked for; streams through when allowed, and is thrown away when not. */
export const METERED = 4;
/** As SHOW, of a longer message only the beginning; the rest streams through behind it. */
export const SHOW_HEAD = 5;

/** As HOP, and the sink is shown each piece of it as it passes. */
export const TAPPED = 6;

export interface FrameTable {
  readonly direction: Direction;
  /** UNKNOWN, HOP, SHOW, SHOW_OR_DISCARD, METERED, SHOW_HEAD or TAPPED by type byte. */
  readonly action: Uint8Array;
  /** 1 for types of which the sink is shown each piece as it passes, metered or not. */
  readonly tapped: Uint8Array;
  /** The longest body that is assembled, by type byte. */
  readonly bodyLimit: Float64Array;
  /** The largest length word accepted (it counts itself, not the type byte). */
  readonly maxLength: number;
}

export interface FrameTableOptions<K> {
  /** The kinds the sink wants to see. */
  readonly interest: readonly K[];
  /** The longest body of an interesting message; a longer one is fatal, unless in discardOversized. */
  readonly maxInterestingBytes: number;
  /** Other limits for single kinds of the interest set. */
  readonly limits?: Readonly<Partial<Record<K & string, number>>>;
  /** Interesting kinds whose oversized messages are reported and thrown away. */
  readonly discardOversized?: readonly K[];
  /** Interesting kinds of which the sink sees so many bytes of the body at most. */
  readonly heads?: Readonly<Partial<Record<K & string, number>>>;
  /** Kinds outside the interest set of which each message must be allowed. */
  readonly metered?: readonly K[];
  /** Kinds outside the interest set of which the sink is shown each piece as it passes. */
  readonly tapped?: readonly K[];
  /** Kinds that cannot come where the table is used: as fatal as a type byte that does not exist. */
  readonly refused?: readonly K[];
  /** Largest length word; default as the server's. */
  readonly maxLength?: number;
}

/**
 * The server accepts a length word up to PQ_LARGE_MESSAGE_LIMIT = MaxAllocSize - 1 = 0x3ffffffe
 * (src/include/libpq/libpq.h, pq_getmessage in src/backend/libpq/pqcomm.c).
 */
export const MAX_FRONTEND_LENGTH = 0x3ffffffe;

/**
 * What the server sends was built in a StringInfo, so its body stays below MaxAllocSize = 0x3fffffff
 * (src/common/stringinfo.c, enlargeStringInfo); the length word adds its own 4 bytes.
 */
export const MAX_BACKEND_LENGTH = 0x3fffffff + 4;

/** A table for what clients send. */
export function frontendTable(options: FrameTableOptions<FrontendKind>): FrameTable {
  return buildTable('frontend', frontendTypes, MAX_FRONTEND_LENGTH, options);
}

/** A table for what servers send. */
export function backendTable(options: FrameTableOptions<BackendKind>): FrameTable {
  return buildTable('backend', backendTypes, MAX_BACKEND_LENGTH, options);
}

function buildTable<K extends string>(
  direction: Direction,
  types: Readonly<Record<K, number>>,
  defaultMaxLength: number,
  options: FrameTableOptions<K>,
): FrameTable {
  const action = new Uint8Array(256);
  const bodyLimit = new Float64Array(256);
  for (const kind of Object.keys(types) as K[]) action[types[kind]] = HOP;
  for (const kind of options.interest) {
    action[types[kind]] = SHOW;
    bodyLimit[types[kind]] = options.limits?.[kind] ?? options.maxInterestingBytes;
  }
  for (const kind of options.discardOversized ?? []) {
    if (action[types[kind]] !== SHOW) throw new Error(`"${kind}" is in discardOversized but not in interest`);
    action[types[kind]] = SHOW_OR_DISCARD;
  }
  for (const [kind, bytes] of Object.entries(options.heads ?? {}) as [K, number][]) {
    if (action[types[kind]] !== SHOW) throw new Error(`"${kind}" is in heads but not in interest`);
    action[types[kind]] = SHOW_HEAD;
    bodyLimit[types[kind]] = bytes;
  }
  for (const kind of options.metered ?? []) action[types[kind]] = METERED;
  const tapped = new Uint8Array(256);
  for (const kind of options.tapped ?? []) {
    tapped[types[kind]] = 1;
    if (action[types[kind]] === HOP) action[types[kind]] = TAPPED;
  }
  for (const kind of options.refused ?? []) action[types[kind]] = UNKNOWN;
  const maxLength = options.maxLength ?? defaultMaxLength;
  // The framer reads the length word as a signed 32-bit number, as the protocol defines it.
  if (maxLength < 4 || maxLength > 0x7fffffff)
    throw new Error(`maxLength ${maxLength} is not between 4 and 2^31 - 1`);
  return { direction, action, tapped, bodyLimit, maxLength };
}

/**
 * Why a header must end the connection, or undefined.
 * INVARIANT(checked-before-buffered): every header is judged here before a byte of its body is kept.
 */
export function headerProblem(table: FrameTable, type: number, length: number): string | undefined {
  if (table.action[type] === UNKNOWN) return `unknown ${table.direction} message type ${type}`;
  if (length < 4) return `message length ${length} is below 4`;
  if (length > table.maxLength) return `message length ${length} is above the limit of ${table.maxLength}`;
  if (isOversized(table, type, length) && table.action[type] !== SHOW_OR_DISCARD)
    return `message of type ${type} has ${length - 4} bytes, above its limit of ${table.bodyLimit[type]!}`;
  return undefined;
}

/** The message should be shown, but its body is longer than may be assembled. */
export function isOversized(table: FrameTable, type: number, length: number): boolean {
  const action = table.action[type]!;
  return (action === SHOW || action === SHOW_OR_DISCARD) && length - 4 > table.bodyLimit[type]!;
}
