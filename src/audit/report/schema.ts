/**
 * The shape of an audit report: what `--format json` prints and what the Markdown is written from. Version 1; a member that
 * changes its meaning or goes away makes version 2.
 */
import { z } from 'zod';

export const REPORT_SCHEMA = 'pgveil-audit-report/1';

const count = z.int().min(0);
/** UTC, ISO 8601. */
const time = z.iso.datetime({ precision: 3 });
const timeOrNull = time.nullable();
const nameOrNull = z.string().nullable();

/** The alphabetically first ones; `more` says that there were others. */
const names = z.strictObject({ names: z.array(z.string()), more: z.boolean() });
const policyName = z.strictObject({ name: z.string(), version: z.string() });

/** The first ones in time, of `total`. */
function listOf<Item extends z.ZodType>(
  item: Item,
): z.ZodObject<{ total: z.ZodInt; first: z.ZodArray<Item> }> {
  return z.strictObject({ total: count, first: z.array(item) });
}

/** Statements by what became of them. `statements` is the sum of the four below it. */
const outcomes = {
  statements: count,
  succeeded: count,
  failed: count,
  interrupted: count,
  refused: count,
  /** What the server returned or wrote; of interrupted statements it is not known. */
  rows: count,
};

const subjects = {
  /** Distinct data subjects in results. */
  subjects: count,
  /** The list of subjects of so many statements was not complete. */
  truncated: count,
  /** So many statements returned data of subjects that nobody can name: aggregates, exempt log-ins. */
  unattributed: count,
};

const column = z.strictObject({ column: z.string(), statements: count, rows: count });
const columns = z.strictObject({
  clear: z.array(column),
  masked: z.array(column),
  denied: z.array(column),
  /** More columns than are told apart. */
  more: z.boolean(),
});

const access = z.strictObject({
  exempt: z.boolean(),
  role: nameOrNull,
  purpose: nameOrNull,
  legal_basis: nameOrNull,
  ...outcomes,
  ...subjects,
  columns,
});

const actor = z.strictObject({
  actor: z.string(),
  ...outcomes,
  ...subjects,
  addresses: names,
  applications: names,
  first: time,
  last: time,
});

/** What is left of a list when its first ones are told one by one; null: nothing. */
const others = z.strictObject({ groups: count.nullable(), ...outcomes, ...subjects }).nullable();

const refusal = z.strictObject({
  rule: z.string(),
  reason: z.string(),
  sqlstate: z.string(),
  statements: count,
  actors: names,
  roles: names,
  first: time,
  last: time,
});

const failedLogin = z.strictObject({
  user: z.string(),
  sqlstate: z.string(),
  reason: z.string(),
  attempts: count,
  addresses: names,
  first: time,
  last: time,
});

const where = { time, instance: z.string(), sequence: count };
const guardTrip = z.strictObject({
  ...where,
  actor: z.string(),
  role: nameOrNull,
  address: z.string(),
  detail: z.string(),
});
const interrupted = z.strictObject({
  ...where,
  actor: z.string(),
  role: nameOrNull,
  statement: z.string(),
  tables: z.array(z.string()),
});
const note = z.strictObject({ ...where, detail: z.string() });
const alert = z.strictObject({
  ...where,
  rule: z.string(),
  kind: z.string(),
  actor: z.string(),
  role: nameOrNull,
  observed: z.number().nullable(),
  threshold: z.number().nullable(),
  detail: z.string(),
});
const drop = z.strictObject({
  ...where,
  events: count,
  since: timeOrNull,
  until: timeOrNull,
  reason: z.string(),
});

const policyVersion = z.strictObject({
  ...policyName.shape,
  /** Within the period. */
  first: timeOrNull,
  last: timeOrNull,
  loads: count,
  statements: count,
  /** Null: no load of it is in the log, so what it says is not known. */
  rules: count.nullable(),
});
const policyChange = z.strictObject({
  from: policyName,
  to: policyName,
  /** False: the rules of one of the two are not in the log. */
  comparable: z.boolean(),
  added: z.array(z.strictObject({ path: z.string(), text: z.string() })),
  removed: z.array(z.strictObject({ path: z.string(), text: z.string() })),
  changed: z.array(z.strictObject({ path: z.string(), from: z.string(), to: z.string() })),
  /** Differences beyond those listed. */
  not_listed: count,
});

const consentAccess = z.strictObject({
  role: nameOrNull,
  purpose: nameOrNull,
  legal_basis: nameOrNull,
  /** As it stands in the consent source; empty: the rule is a condition on the subject's own table. */
  consent: z.string(),
  source: z.string(),
  rule: z.string(),
  /** What the rule says in that version; null: not in the log. */
  rule_text: nameOrNull,
  policy: policyName,
  ...outcomes,
  ...subjects,
  first: time,
  last: time,
});

const exposedColumn = z.strictObject({
  column: z.string(),
  labels: z.array(z.string()),
  dpv: z.array(z.string()),
  statements: count,
  rows: count,
});
const unattributedGroup = z.strictObject({
  actor: z.string(),
  role: nameOrNull,
  why: z.enum(['exempt', 'not-attributable', 'truncated', 'interrupted']),
  statement_uid: z.string(),
  statement: z.string(),
  tables: z.array(z.string()),
  statements: count,
  rows: count,
  first: time,
  last: time,
});

const chain = z.strictObject({
  instance: z.string(),
  first_sequence: count,
  last_sequence: count,
  events: count,
  first: time,
  last: time,
});

export const integritySchema = z.strictObject({
  /** `intact-unsigned`: hashes and chains hold, signatures were not checked. `not-verifiable`: there is nothing to verify. */
  result: z.enum(['intact', 'intact-unsigned', 'problems', 'not-verifiable']),
  /** What was not looked at, or cannot be seen from the log alone: a sentence each. */
  notes: z.array(z.string()),
  chains: z.array(
    z.strictObject({
      instance: z.string(),
      first_sequence: count,
      last_sequence: count,
      events: count,
      /** Why it begins where it does: see docs/audit.md, Integrity. */
      beginning: z.enum(['start', 'trimmed', 'shipped', 'window', 'unproven']),
      /** The newest event that a checked signature covers; null: none. */
      signed_up_to: count.nullable(),
    }),
  ),
  problems: listOf(
    z.strictObject({ kind: z.string(), place: z.string(), problem: z.string(), meaning: z.string() }),
  ),
});

export const reportSchema = z.strictObject({
  schema: z.literal(REPORT_SCHEMA),
  /** As asked for; `until` is the first moment that does not belong to it. Null: no bound. */
  period: z.strictObject({ since: timeOrNull, until: timeOrNull }),
  filter: z.strictObject({ actor: nameOrNull, role: nameOrNull }),
  source: z.strictObject({
    name: z.string(),
    chains: z.array(chain),
    unreadable: listOf(z.strictObject({ place: z.string(), what: z.string() })),
  }),
  /** Everything in the period, whatever the filter. `distinct` is the sum of the kinds. */
  events: z.strictObject({
    read: count,
    copies: count,
    distinct: count,
    statement: count,
    'session-open': count,
    'session-close': count,
    'failed-login': count,
    'guard-trip': count,
    'policy-load': count,
    alert: count,
    checkpoint: count,
    trim: count,
    drop: count,
    recovery: count,
    other: count,
  }),
  integrity: integritySchema,
  /** From here on: what the filter lets through, except policies, drops, recoveries and trims. */
  statements: z.strictObject({ ...outcomes, ...subjects, observed: count }),
  subjects_capped: z.boolean(),
  accesses: z.array(access),
  other_accesses: others,
  actors: z.array(actor),
  other_actors: others,
  refusals: z.array(refusal),
  other_refusals: count,
  guard_trips: listOf(guardTrip),
  failed_logins: z.array(failedLogin),
  other_failed_logins: count,
  policies: z.strictObject({
    versions: z.array(policyVersion),
    /** In the order in which they came into force; the same version again is a new entry. */
    timeline: z.array(
      z.strictObject({ time: timeOrNull, ...policyName.shape, instances: count, before_period: z.boolean() }),
    ),
    changes: z.array(policyChange),
    kept: listOf(note),
    /** More versions or loads than are listed. */
    more: z.boolean(),
  }),
  consent: z.array(consentAccess),
  other_consent: others,
  alerts: listOf(alert),
  drops: z.strictObject({ lost_events: count, ...listOf(drop).shape }),
  recoveries: listOf(note),
  trims: listOf(note),
  interrupted: listOf(interrupted),
  exposure: z.strictObject({
    /** Statements that ran and returned rows, or may have: `attributed` and those of `unattributed`. */
    statements: count,
    /** Whose data they returned is known. */
    attributed: count,
    rows: count,
    first: timeOrNull,
    last: timeOrNull,
    subjects: z.strictObject({
      distinct: count,
      /** `distinct` is a least: more came than are told apart. */
      capped: z.boolean(),
      /** In the order of their text; null: not asked for (`--breach`). */
      hmacs: z.array(z.string()).nullable(),
    }),
    clear: z.array(exposedColumn),
    masked: z.array(exposedColumn),
    more_columns: z.boolean(),
    unattributed: z.strictObject({
      statements: count,
      rows: count,
      groups: z.array(unattributedGroup),
      /** Statements of the groups that are not listed. */
      other_statements: count,
      other_rows: count,
    }),
  }),
});

export type Report = z.infer<typeof reportSchema>;
export type Integrity = z.infer<typeof integritySchema>;
