/** The shape of a `*.test.yaml` file (SPEC 4). Owns its schema; runs nothing. */
import { z } from 'zod';
import { alertTest } from './alert-cases.js';

const attribute = z.union([z.string(), z.number(), z.boolean()]);

const expectation = z
  .strictObject({
    /** In order; numbers, text and booleans are compared with PostgreSQL's text output. */
    rows: z.array(z.array(z.json())).optional(),
    row_count: z.int().nonnegative().optional(),
    columns: z.record(z.string(), z.enum(['clear', 'masked', 'unknown'])).optional(),
    /** SQLSTATE, of the refusal or of the server. */
    error: z
      .string()
      .regex(/^[0-9A-Z]{5}$/, 'an SQLSTATE has five digits or capital letters; quote it, as in "42501"')
      .optional(),
    same_as: z.string().min(1).optional(),
  })
  .refine(
    (value) => Object.keys(value).length > 0,
    'state at least one of rows, row_count, columns, error, same_as',
  )
  .refine(
    (value) => value.error === undefined || Object.keys(value).length === 1,
    'a statement that fails has no rows: error stands alone',
  );

const policyTest = z.strictObject({
  name: z.string().min(1),
  /** Relative to the working directory, or else to the test file. */
  fixture: z.string().min(1).optional(),
  as: z.strictObject({
    role: z.string().min(1),
    purpose: z.string().min(1).optional(),
    actor: z.record(z.string(), attribute).optional(),
    user: z.string().min(1).optional(),
  }),
  sql: z.string().min(1),
  expect: expectation,
});

export const testFileSchema = z
  .strictObject({
    tests: z.array(policyTest).min(1, 'lists no test; list at least one').optional(),
    alerts: z.array(alertTest).min(1, 'lists no test; list at least one').optional(),
  })
  .refine(
    ({ tests, alerts }) => tests !== undefined || alerts !== undefined,
    'holds no test; add tests: of statements, or alerts: of alert rules',
  );

export type PolicyTest = z.infer<typeof policyTest>;
export type Expectation = z.infer<typeof expectation>;
