/** One event as it is kept in a stream or a spool: its bytes untouched, and what stands beside them. Parses nothing. */

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

/** Keeps the bytes alone: most readers look at few events. */
export class KeptEvent implements StoredEvent {
  readonly place: string;
  readonly instance: string;
  readonly sequence: number;
  readonly uid: string;
  readonly bytes: Buffer;

  constructor(place: string, instance: string, sequence: number, uid: string, bytes: Buffer) {
    this.place = place;
    this.instance = instance;
    this.sequence = sequence;
    this.uid = uid;
    this.bytes = bytes;
  }

  get json(): string {
    return this.bytes.toString('utf8');
  }
}

const TIME = Buffer.from(',"time":');
const BEHIND_TIME = ',"type_uid":';

/**
 * The event's `time` in ms since 1970; undefined where there is none. In canonical JSON `type_uid` follows it at once,
 * and a quotation mark inside a string is escaped, so that no text of a client can look like this.
 */
export function eventTime(bytes: Buffer): number | undefined {
  for (let at = bytes.indexOf(TIME); at >= 0; at = bytes.indexOf(TIME, at + 1)) {
    const from = at + TIME.length;
    const found = /^(\d{1,16}),/.exec(bytes.toString('latin1', from, from + 17));
    if (found === null) continue;
    const behind = from + found[1]!.length;
    if (bytes.toString('latin1', behind, behind + BEHIND_TIME.length) === BEHIND_TIME)
      return Number(found[1]);
  }
  return undefined;
}
