/** An alert as it stands in its event: fields for programs, and a sentence for people. Names and numbers alone. */
import type { Json } from '../canonical.js';
import type { Alert } from './alert.js';

export function alertFacts({ rule, kind, actor, window, observed, threshold, usual }: Alert): Json {
  return {
    rule,
    kind,
    actor: {
      user: actor.user,
      role: actor.role ?? null,
      name: actor.name ?? null,
      ...(actor.address === undefined ? {} : { address: actor.address }),
      others: actor.others === true,
    },
    window: { since: window.since, until: window.until },
    observed,
    threshold,
    ...(usual === undefined ? {} : { usual: { median: usual.median, windows: usual.windows } }),
  };
}

export function alertText({ rule, kind, actor, window, observed, threshold, usual }: Alert): string {
  const minutes = `${Math.ceil((window.until - window.since) / 60_000)} minutes`;
  switch (kind) {
    case 'volume':
      return (
        `alert "${rule}": ${observed} rows in ${minutes}, where ${threshold} are unusual; ` +
        (usual === undefined || usual.windows === 0
          ? 'the actor has no past to compare with'
          : `the median of the actor's last ${usual.windows} windows is ${usual.median}`)
      );
    case 'subjects':
      return `alert "${rule}": ${observed} data subjects in ${minutes}, more than ${threshold}`;
    case 'refusals':
      return actor.address === undefined
        ? `alert "${rule}": ${observed} refused statements and log-ins in ${minutes}, more than ${threshold}`
        : `alert "${rule}": ${observed} failed log-ins from ${actor.address} in ${minutes}, more than ${threshold}`;
    case 'equality_lookups':
      return `alert "${rule}": ${observed} look-ups of masked values in ${minutes}, more than ${threshold}`;
    case 'hours':
      return `alert "${rule}": ${observed} statements outside the role's hours`;
  }
}
