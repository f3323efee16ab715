/** What a verification finds: plain data, for the command, the report and `--format json`. */

export interface VerifyResult {
  /** No findings. It says nothing of a tail that was cut before anybody anchored it. */
  readonly clean: boolean;
  /** Events read, copies included. */
  readonly events: number;
  readonly duplicates: number;
  readonly chains: readonly ChainResult[];
  /** Names of the keys that signatures were checked with; none: they were not checked. */
  readonly keys: readonly string[];
  /** The first ones, in the order in which they were met. */
  readonly findings: readonly Finding[];
  /** All of them, also those that are not listed. */
  readonly findingsTotal: number;
  /** What is no finding and should be known, in sentences. */
  readonly notes: readonly string[];
}

export interface ChainResult {
  readonly instance: string;
  /** Without copies. */
  readonly events: number;
  readonly duplicates: number;
  readonly first: number;
  /** How it begins: with its first event, behind a recorded trim, behind shipped segments, or where `--since` cut it. */
  readonly beginning: 'start' | 'trimmed' | 'shipped' | 'window' | 'unproven';
  readonly last: ChainHead;
  readonly checkpoints: number;
  /** The newest event that a checked signature covers. */
  readonly signedUpTo: { readonly sequence: number; readonly time: number } | undefined;
  /** Events behind it; all of them where no signature was checked. */
  readonly unsigned: number;
}

export interface ChainHead {
  readonly sequence: number;
  readonly hash: string;
  /** In ms since 1970. */
  readonly time: number;
}

export type FindingKind =
  | 'unreadable'
  | 'changed'
  | 'reserialised'
  | 'entry-differs'
  | 'missing'
  | 'broken-link'
  | 'conflict'
  | 'reordered'
  | 'late-beginning'
  | 'segment-header'
  | 'checkpoint-forged'
  | 'checkpoint-other-key'
  | 'unsigned'
  | 'anchor';

export interface Finding {
  readonly kind: FindingKind;
  /** The instance's name; undefined where none can be read. */
  readonly chain: string | undefined;
  readonly sequence: number | undefined;
  readonly uid: string | undefined;
  /** A stream id, or segment and byte. */
  readonly place: string;
  /** What is wrong there. */
  readonly problem: string;
  /** What that says of the log. */
  readonly meaning: string;
}

/** What each kind of finding says of the log, whatever the place. */
export const meanings: Readonly<Record<FindingKind, string>> = {
  unreadable: 'what stood here is not known any more, or was never written by pgveil',
  changed: 'its content is not what pgveil recorded',
  reserialised: 'something other than pgveil has written it anew; it says the same, so nothing is lost',
  'entry-differs': 'somebody has moved or relabelled the event; only what the event itself says is hashed',
  missing: 'these events were deleted',
  'broken-link': 'the event before was replaced, or this one was, with a hash computed to fit',
  conflict: 'an event was inserted, or one of the two was changed and its hash computed anew',
  reordered: 'events were moved; pgveil writes and ships a chain in its order',
  'late-beginning': 'the beginning of this chain was deleted, and not by pgveil',
  'segment-header': 'the segment was moved or changed, or events before it are not those that were there',
  'checkpoint-forged':
    'everything behind the last good checkpoint may have been computed anew by somebody without the key',
  'checkpoint-other-key':
    'who has signed is not known: another key of yours, or somebody who rewrote the chain',
  unsigned: 'checkpoints stopped or were removed; who can write the log can compute this part anew unseen',
  anchor: 'the end of the chain was cut or replaced since the anchor was written',
};

const MAX_LISTED = 1_000;

/** Findings with a bound on memory: somebody who rewrote a million events is convicted by the first thousand. */
export class Findings {
  readonly listed: Finding[] = [];
  total = 0;

  add(
    kind: FindingKind,
    place: string,
    problem: string,
    about: { readonly chain?: string; readonly sequence?: number; readonly uid?: string } = {},
  ): void {
    this.total++;
    if (this.listed.length >= MAX_LISTED) return;
    const { chain, sequence, uid } = about;
    this.listed.push({ kind, chain, sequence, uid, place, problem, meaning: meanings[kind] });
  }
}
