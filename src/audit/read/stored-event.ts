/** One event as it is kept in a stream or a spool: its bytes untouched, and what stands beside them. Parses nothing. */
import { standsAt } from './stands-at.js';

export interface StoredEvent {
  /** Where it stands, for people: the stream id `1700-0`, or `segment 3 byte 120`. */
  readonly place: string;
  /** The name of the chain, as the stream entry or the segment says it. */
  readonly instance: string;
  readonly sequence: number;
  readonly uid: string;
  /** The JSON in UTF-8. To look for an ASCII text here costs a tenth of parsing the event. */
  readonly bytes: Buffer;
  /** The same as text, made when it is asked for. */
  readonly json: string;
}

/** What a reader meets besides events. */
export type StoredItem =
  | { readonly kind: 'event'; readonly event: StoredEvent }
  /** A segment of a spool begins; what its header says of everything before it. */
  | {
      readonly kind: 'segment';
      readonly place: string;
      readonly instance: string;
      readonly sequence: number;
      readonly prev: string;
      /** The oldest one of its spool. `shipped`: what stood before it was in Redis before it was deleted. */
      readonly oldest?: { readonly shipped: boolean } | undefined;
    }
  /** Something stands there, or should, and is no event that pgveil has written. */
  | { readonly kind: 'unreadable'; readonly place: string; readonly message: string };

/** Text as somebody has it: made when it is asked for, as most readers ask of few events. */
type Text = string | Buffer | (() => string);

/** Keeps the bytes alone, and how to make the rest of them. */
export class KeptEvent implements StoredEvent {
  readonly instance: string;
  readonly sequence: number;
  readonly bytes: Buffer;
  readonly #place: Text;
  readonly #uid: Text;

  constructor(place: Text, instance: string, sequence: number, uid: Text, bytes: Buffer) {
    this.#place = place;
    this.instance = instance;
    this.sequence = sequence;
    this.#uid = uid;
    this.bytes = bytes;
  }

  get place(): string {
    return textOf(this.#place);
  }

  get uid(): string {
    return textOf(this.#uid);
  }

  get json(): string {
    return this.bytes.toString('utf8');
  }
}

function textOf(text: Text): string {
  if (typeof text === 'string') return text;
  return typeof text === 'function' ? text() : text.toString('utf8');
}

const TIME = Buffer.from(',"time":');
const BEHIND_TIME = Buffer.from(',"type_uid":');
const MAX_DIGITS = 16;

/**
 * The event's `time` in ms since 1970; undefined where there is none. In canonical JSON `type_uid` follows it at once,
 * and a quotation mark inside a string is escaped, so that no text of a client can look like this.
 */
export function eventTime(bytes: Buffer): number | undefined {
  for (let at = bytes.indexOf(TIME); at >= 0; at = bytes.indexOf(TIME, at + 1)) {
    const from = at + TIME.length;
    let behind = from;
    let time = 0;
    for (let digit; (digit = digitAt(bytes, behind)) !== undefined; behind++) time = 10 * time + digit;
    if (behind > from && behind - from <= MAX_DIGITS && standsAt(bytes, behind, BEHIND_TIME)) return time;
  }
  return undefined;
}

/** Of a number in decimal; undefined for any other byte. */
export function digitAt(bytes: Buffer, at: number): number | undefined {
  const digit = bytes[at]! - 48;
  return digit >= 0 && digit <= 9 ? digit : undefined;
}
