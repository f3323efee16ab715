/** The shape of a test of alert rules in a `*.test.yaml` file: who did what at which time, and the alerts it makes. Runs nothing. */
import { z } from 'zod';
import { windowMs } from '../../policy/alert-schema.js';

/** As many as a rule can ask for, and some more. */
const MAX_SUBJECTS = 200_000;
const MAX_REPEAT = 1_000;
const SUBJECT_RANGE = /^([1-9]\d{0,5})-([1-9]\d{0,5})$/;

const TIME = /^(\d{4}-\d\d-\d\d)T\d\d:\d\d(?::\d\d)?(Z|[+-]\d\d:\d\d)?$/;

const count = z.int().nonnegative('is below 0; write how many there were');

const who = z
  .strictObject({
    /** Absent: a session that the policy does not govern. */
    role: z.string().min(1).optional(),
    user: z.string().min(1).optional(),
    /** Alerts look at `name` alone. */
    actor: z.strictObject({ name: z.string().min(1) }).optional(),
  })
  .refine(
    ({ role, user }) => role !== undefined || user !== undefined,
    'names nobody; write role: of a governed session, or user: of an exempt one',
  );

const subjects = z.union([
  z
    .int()
    .nonnegative('is below 0; write how many people there were')
    .max(MAX_SUBJECTS, `is above ${MAX_SUBJECTS}; no rule needs as many`),
  z.string().refine((text) => {
    const range = subjectRange(text);
    return range !== undefined && range.from <= range.to && range.to <= MAX_SUBJECTS;
  }, 'is no range of people; write 30 for the people 1 to 30, or 31-60 for those'),
]);

const access = z
  .strictObject({
    at: z
      .string()
      .refine(
        (text) => accessTime(text) !== undefined,
        'is no time; write for example 2026-03-02T10:00, which is in UTC, or 2026-03-02T10:00+01:00',
      ),
    as: who.optional(),
    rows: count.optional(),
    subjects: subjects.optional(),
    refused: count.optional(),
    lookups: count.optional(),
    /** Log-ins of `user` that failed, from `address`. */
    failed_logins: count.optional(),
    address: z.string().min(1).optional(),
    repeat: z
      .int()
      .min(1, 'is below 1; write how often it happens')
      .max(MAX_REPEAT, `is above ${MAX_REPEAT}; put more into one access`)
      .optional(),
    every: z
      .string()
      .refine(
        (text) => windowMs(text) !== undefined,
        'is no span of time; write minutes or hours, for example "10m" or "24h"',
      )
      .optional(),
  })
  .refine(({ repeat, every }) => (repeat === undefined) === (every === undefined), {
    message: 'repeat: and every: belong together; write both or neither',
  })
  .refine(
    ({ failed_logins: failed, rows, subjects: people, refused, lookups }) =>
      failed === undefined ||
      [rows, people, refused, lookups].every((statements) => statements === undefined),
    'log-ins that failed have run nothing; write statements as an access of their own',
  )
  .refine(({ failed_logins: failed, address }) => address === undefined || failed !== undefined, {
    message: 'address: is where failed_logins: came from; write both, or failed_logins: alone',
  });

export const alertTest = z
  .strictObject({
    name: z.string().min(1),
    /** Of each access that does not say it itself. */
    as: who.optional(),
    accesses: z.array(access).min(1, 'lists no access; list at least one'),
    /** Names of rules, one for each alert; empty: none comes. */
    expect: z.array(z.string().min(1)),
  })
  .superRefine(({ as: everybody, accesses }, refinement) => {
    accesses.forEach((one, index) => {
      const add = (path: string[], message: string): void => {
        refinement.addIssue({ code: 'custom', path: ['accesses', index, ...path], message });
      };
      const actor = one.as ?? everybody;
      if (actor === undefined) add([], 'does not say who it is; add as: to it, or to the test for all');
      if (actor === undefined || actor.role !== undefined) return;
      for (const key of ['subjects', 'lookups'] as const)
        if (one[key] !== undefined)
          add(
            [key],
            'is not known of an exempt session, whose statements nobody reads; remove it, or add role:',
          );
    });
  });

export type AlertTest = z.infer<typeof alertTest>;
export type AlertAccess = AlertTest['accesses'][number];

/** In ms since 1970; in UTC where it names no zone, as constants of a policy are. */
export function accessTime(text: string): number | undefined {
  const [, date = '', zone] = TIME.exec(text) ?? [];
  const midnight = Date.parse(date);
  // What begins as 30 February ends as 2 March.
  if (Number.isNaN(midnight) || !new Date(midnight).toISOString().startsWith(date)) return undefined;
  const time = Date.parse(zone === undefined ? `${text}Z` : text);
  return Number.isNaN(time) ? undefined : time;
}

/** The people of `31-60`, both included. */
export function subjectRange(text: string): { readonly from: number; readonly to: number } | undefined {
  const found = SUBJECT_RANGE.exec(text);
  return found === null ? undefined : { from: Number(found[1]), to: Number(found[2]) };
}
