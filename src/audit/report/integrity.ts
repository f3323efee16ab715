/** What a verification has found, as the report tells it. */
import type { VerifyResult } from '../verify/result.js';
import type { Integrity } from './schema.js';
import { compare } from './groups.js';

const LISTED = 50;

export function integrityOf(result: VerifyResult): Integrity {
  const chains = result.chains
    .map(({ instance, events, first, last, beginning, signedUpTo }) => ({
      instance,
      first_sequence: first,
      last_sequence: last.sequence,
      events,
      beginning,
      signed_up_to: signedUpTo?.sequence ?? null,
    }))
    .sort((a, b) => compare(a.instance, b.instance));
  return {
    result: verdict(result),
    notes: notesOf(result),
    chains,
    problems: {
      total: result.findingsTotal,
      first: result.findings
        .slice(0, LISTED)
        .map(({ kind, place, problem, meaning }) => ({ kind, place, problem, meaning })),
    },
  };
}

function verdict({ clean, chains }: VerifyResult): Integrity['result'] {
  if (!clean) return 'problems';
  if (chains.length === 0) return 'not-verifiable';
  // FAIL-CLOSED: one chain without a signature that was checked, and the log is not told to be signed.
  return chains.every(({ signedUpTo }) => signedUpTo !== undefined) ? 'intact' : 'intact-unsigned';
}

function notesOf({ chains, keys, notes }: VerifyResult): string[] {
  const found = [...notes].sort(compare);
  for (const { instance, beginning, first, signedUpTo, unsigned } of chains) {
    if (beginning === 'trimmed') {
      found.push(
        `chain ${instance} begins with event ${first}: older ones were deleted as configured; those of the period, if there were any, are neither counted nor verified here`,
      );
    }
    if (signedUpTo === undefined) {
      found.push(
        `chain ${instance}: no signature was verified, so whoever can write the log could have computed the chain anew as a whole`,
      );
    } else if (unsigned > 0) {
      found.push(`chain ${instance}: the last ${unsigned} events are not signed yet`);
    }
  }
  if (keys.length === 0) found.push('no public key was given; name it with --public-key');
  found.push('a tail that was cut cannot be seen from the log alone: audit verify --anchor shows it');
  return found;
}
