/**
 * Tells from an event's bytes whether it can say anything about one data subject, so that of a million events only few are
 * parsed. It may take too many, never too few. It knows the canonical form of events (event.ts), not what they mean.
 */

/**
 * In canonical JSON the members stand in a fixed order, and a quotation mark in a string is escaped, so no text of a
 * client can look like the name of a member.
 */
const SUBJECTS = Buffer.from(',"subjects":');
const NO_SUBJECT_TABLES = Buffer.from('"subject_tables":[]');
const SUBJECTS_OBJECT = Buffer.from(',"subjects":{');
const EXEMPT = Buffer.from('"exempt":true');
const INCOMPLETE = Buffer.from('"truncated":true');
const LOST = [Buffer.from('"dropped":{'), Buffer.from('"damage":[{')];
const ACTION_AT = '{"action_id":'.length;
const DENIED = '2'.charCodeAt(0);
const OPENS_OBJECT = '{'.charCodeAt(0);

/** Whether it names no subjects, or names them with this key. `named`: `],"key":"…"` of the key. */
export function hasKey(bytes: Buffer, named: Buffer): boolean {
  const at = bytes.indexOf(SUBJECTS_OBJECT);
  return at < 0 || bytes.indexOf(named, at) >= 0;
}

/** Whether the event has to be parsed. `needles`: the HMACs that the subject may be recorded under, in quotes. */
export function isCandidate(bytes: Buffer, needles: readonly Buffer[]): boolean {
  if (bytes[ACTION_AT] === DENIED) return true;
  const at = bytes.indexOf(SUBJECTS);
  // Not the form that this version writes: only parsing can tell.
  if (at < NO_SUBJECT_TABLES.length) return true;
  if (bytes[at + SUBJECTS.length] === OPENS_OBJECT) {
    return needles.some((needle) => bytes.indexOf(needle, at) >= 0) || bytes.indexOf(INCOMPLETE, at) >= 0;
  }
  // It tells of no subjects: of interest where it reached their tables, or may have.
  const from = at - NO_SUBJECT_TABLES.length;
  const reachedNone = bytes.compare(NO_SUBJECT_TABLES, 0, NO_SUBJECT_TABLES.length, from, at) === 0;
  return !reachedNone || [EXEMPT, ...LOST].some((sign) => bytes.indexOf(sign) >= 0);
}
