/** The `alerts:` section of a policy file as zod schemas. What the rules mean is said in alert-rules.ts. */
import { z } from 'zod';
import { parseWeekHours } from './week-hours.js';

const WINDOW = /^([1-9]\d{0,3}) ?(m|h)$/;
const MINUTE_MS = 60_000;
const SHORTEST_MS = MINUTE_MS;
const LONGEST_MS = 24 * 60 * MINUTE_MS;
/** A window's rows are compared with those of two weeks, and no more windows are remembered than a week has hours. */
const SHORTEST_VOLUME_MS = 10 * MINUTE_MS;
/** Each one is remembered until the rule has fired. */
const MAX_SUBJECTS = 100_000;
const MAX_COUNT = 1_000_000_000;

/** `10m`, `1h`; undefined for everything else. */
export function windowMs(text: string): number | undefined {
  const found = WINDOW.exec(text);
  return found === null ? undefined : Number(found[1]) * (found[2] === 'h' ? 60 : 1) * MINUTE_MS;
}

function windowFrom(shortestMs: number, shortest: string): z.ZodString {
  return z
    .string()
    .regex(WINDOW, 'is no window; write minutes or hours, for example "10m" or "1h"')
    .refine((text) => {
      const ms = windowMs(text);
      return ms === undefined || (ms >= shortestMs && ms <= LONGEST_MS);
    }, `is not between ${shortest} and 24h; write for example "1h"`);
}

const window = windowFrom(SHORTEST_MS, '1m');
const count = z
  .number()
  .int('is no whole number; write for example 100')
  .min(0, 'is below 0; write 0 for an alert at the first one')
  .max(MAX_COUNT, `is above ${MAX_COUNT}; a rule that can never fire is none`);

const common = {
  /** Whose: everybody's, exempt sessions too, when absent. */
  roles: z
    .array(z.string().min(1))
    .min(1, 'lists no role; list at least one, or remove roles: for everybody')
    .optional(),
  /** What is counted together: what one claimed name does (the default), or all that a login does. */
  per: z.enum(['actor', 'login']).optional(),
  severity: z.enum(['low', 'medium', 'high', 'critical']).optional(),
};

export const alertSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('volume'),
    window: windowFrom(SHORTEST_VOLUME_MS, '10m'),
    at_least: z
      .number()
      .int('is no whole number; write for example 5000')
      .min(1, 'is below 1; write how many rows are worth an alert')
      .max(MAX_COUNT, `is above ${MAX_COUNT}; a rule that can never fire is none`),
    times: z
      .number()
      .min(1, 'is below 1, so a usual window would be unusual; write for example 10')
      .max(1_000_000, 'is above 1000000; a rule that can never fire is none'),
    ...common,
  }),
  z.strictObject({
    kind: z.literal('subjects'),
    window,
    over: count.max(MAX_SUBJECTS, `is above ${MAX_SUBJECTS}; use kind: volume for more`),
    ...common,
  }),
  z.strictObject({ kind: z.literal('refusals'), window, over: count, ...common }),
  z.strictObject({ kind: z.literal('equality_lookups'), window, over: count, ...common }),
  z.strictObject({
    kind: z.literal('hours'),
    /** How long one alert speaks for; an hour when absent. */
    window: window.optional(),
    outside: z.string().superRefine((text, refinement) => {
      const read = parseWeekHours(text);
      if (read.ok) return;
      const fix = 'write for example "Mon-Fri 07:00-19:00, Sat 09:00-13:00 Europe/Berlin"';
      refinement.addIssue({ code: 'custom', message: `${read.reason}; ${fix}` });
    }),
    ...common,
    roles: z.array(z.string().min(1)).min(1, 'lists no role; list at least one'),
  }),
]);

export type AlertEntry = z.infer<typeof alertSchema>;
