/**
 * Tells from an event's bytes whether it can say anything about one data subject, so that of a million events only few are
 * parsed. It may take too many, never too few. It knows the canonical form of events (event.ts), not what they mean.
 */
import { standsAt } from '../read/stands-at.js';

/** What is looked for. */
export interface Sought {
  /** `],"key":"…"`: how the name of the asker's key stands behind a list of HMACs. */
  readonly named: Buffer;
  /** The HMACs that the subject may be recorded under, in quotes. All of one length, as HMACs are. */
  readonly needles: readonly Buffer[];
}

export interface Look {
  /** It names subjects, with another key: whether this one is among them is not known. */
  readonly otherKey: boolean;
  /** The event has to be parsed. */
  readonly candidate: boolean;
}

/**
 * In canonical JSON the members stand in a fixed order, and a quotation mark in a string is escaped, so no text of a
 * client can look like the name of a member.
 */
const SUBJECTS = Buffer.from(',"subjects":');
const HMACS = Buffer.from('{"hmacs":[');
const SUBJECTS_OBJECT = Buffer.from(',"subjects":{');
const NO_SUBJECT_TABLES = Buffer.from('"subject_tables":[]');
const COMPLETE = Buffer.from(',"truncated":false}');
const INCOMPLETE = Buffer.from('"truncated":true');
/** Of a session that is not governed, and of events that are gone: they concern anybody. */
const CONCERNS_ALL = ['"exempt":true', '"dropped":{', '"damage":[{'].map((sign) => Buffer.from(sign));
const ACTION_AT = '{"action_id":'.length;
const DENIED = '2'.charCodeAt(0);
const OBSERVED = '3'.charCodeAt(0);
const OPENS_OBJECT = '{'.charCodeAt(0);
const QUOTE = '"'.charCodeAt(0);
const COMMA = ','.charCodeAt(0);

export function lookAt(bytes: Buffer, sought: Sought): Look {
  const at = bytes.indexOf(SUBJECTS);
  const from = at + SUBJECTS.length;
  // What was refused, and what was refused and ran all the same: only its rules say what it may have read.
  const denied = bytes[ACTION_AT] === DENIED || bytes[ACTION_AT] === OBSERVED;
  if (at >= 0 && bytes[from] === OPENS_OBJECT) {
    const { otherKey, candidate } = lookAtList(bytes, from, sought) ?? searched(bytes, from, sought);
    return { otherKey, candidate: candidate || denied };
  }
  const object = at < 0 ? -1 : bytes.indexOf(SUBJECTS_OBJECT, from);
  const otherKey = object >= 0 && bytes.indexOf(sought.named, object) < 0;
  return { otherKey, candidate: denied || concernsAnybody(bytes, at) };
}

/**
 * Walks a list of HMACs in the form that this version writes, which is many times faster than to search for each needle.
 * Undefined: it has another form, or another key.
 */
function lookAtList(bytes: Buffer, from: number, { named, needles }: Sought): Look | undefined {
  if (!standsAt(bytes, from, HMACS)) return undefined;
  const length = needles[0]?.length ?? 0;
  let at = from + HMACS.length;
  let found = false;
  while (bytes[at] === QUOTE) {
    for (const needle of needles) found ||= standsAt(bytes, at, needle);
    at += length;
    if (bytes[at - 1] !== QUOTE) return undefined;
    if (bytes[at] === COMMA) at += 1;
  }
  if (!standsAt(bytes, at, named)) return undefined;
  return { otherKey: false, candidate: found || !standsAt(bytes, at + named.length, COMPLETE) };
}

function searched(bytes: Buffer, from: number, { named, needles }: Sought): Look {
  return {
    otherKey: bytes.indexOf(named, from) < 0,
    candidate: [...needles, INCOMPLETE].some((sign) => bytes.indexOf(sign, from) >= 0),
  };
}

/** An event that tells of no subjects is of interest where it reached their tables, or may have. `at`: of `subjects`. */
function concernsAnybody(bytes: Buffer, at: number): boolean {
  // Not the form that this version writes: only parsing can tell.
  if (at < NO_SUBJECT_TABLES.length) return true;
  if (!standsAt(bytes, at - NO_SUBJECT_TABLES.length, NO_SUBJECT_TABLES)) return true;
  return CONCERNS_ALL.some((sign) => bytes.indexOf(sign) >= 0);
}
