/**
 * The policy language as zod schemas, one file's worth. Whatever is not in here is an error, and what a later release
 * brings is refused by name: a rule that is silently ignored would be a hole. It knows no catalog.
 */
import { z } from 'zod';
import { alertSchema } from './alert-schema.js';
import { maskSchema } from './masks/registry.js';

const name = z.string().min(1).max(200);
const identifier = z.string().min(1);
/** `public.customers.email`, `"Odd Schema".t.c`, with a jsonb path behind it where a label wants one. */
const columnText = z.string().min(1);
const relationText = z.string().min(1);
const conditionText = z.string().min(1).max(10_000);

const label = z.union([
  z.array(columnText).min(1, 'names no column; name at least one'),
  z.strictObject({
    columns: z.array(columnText).min(1, 'names no column; name at least one'),
    dpv: z.string().optional(),
  }),
]);

const subject = z.union([
  z.strictObject({ key: identifier }),
  z.strictObject({ through: identifier, to: columnText }),
]);

const consent = z.strictObject({
  source: relationText,
  subject: identifier,
  purpose: identifier,
  status: identifier,
  given: z.array(z.string()).min(1, 'names no status; name at least one'),
  recorded_at: identifier.optional(),
  expires_at: identifier.optional(),
});

const purpose = z
  .strictObject({
    legal_basis: z.enum([
      'consent',
      'opt_out',
      'contract',
      'legal_obligation',
      'vital_interests',
      'public_task',
      'legitimate_interests',
    ]),
    consent: z.string().min(1).optional(),
    when: conditionText.optional(),
  })
  .superRefine((value, refinement) => {
    const asks = value.legal_basis === 'consent' || value.legal_basis === 'opt_out';
    if (asks && value.consent === undefined && value.when === undefined) {
      refinement.addIssue({
        code: 'custom',
        path: ['legal_basis'],
        message: `the legal basis ${value.legal_basis} says nowhere where it is recorded; add consent: or when:`,
      });
    }
    if (!asks && value.consent !== undefined) {
      refinement.addIssue({
        code: 'custom',
        path: ['consent'],
        message: `consent is never asked under the legal basis ${value.legal_basis}; remove it or set legal_basis: consent`,
      });
    }
  });

const maskUse = z.union([
  name,
  z
    .strictObject({
      mask: name,
      where: z.enum(['masked', 'equality', 'deny']).optional(),
      write: z.enum(['keep', 'reject', 'allow']).optional(),
    })
    .refine(({ mask, where }) => where === undefined || (mask !== 'clear' && mask !== 'deny'), {
      path: ['where'],
      message: 'says how a masked column behaves, and "clear" and "deny" mask nothing; remove where:',
    }),
]);

const KEEP = /^\d{1,5} (?:days?|weeks?|months?|years?)$/;

/** Execute's max_rows is an Int32, and one more is asked for than may be shown. */
const MAX_ROWS = 2_000_000_000;
const rowCount = z
  .number()
  .int('is no whole number; write for example 10000')
  .min(1, 'lets no row through; use deny: for that')
  .max(MAX_ROWS, `is above ${MAX_ROWS}; remove it for no limit`);

const limits = z
  .strictObject({ rows_per_statement: rowCount.optional(), rows_per_hour: rowCount.optional() })
  .refine((value) => value.rows_per_statement !== undefined || value.rows_per_hour !== undefined, {
    message: 'limits nothing; add rows_per_statement: or rows_per_hour:, or remove it',
  });

const role = z.strictObject({
  purposes: z.array(name).min(1, 'lists no purpose, so the role can do nothing; list at least one'),
  masks: z.record(name, maskUse).optional(),
  rows: z.record(relationText, conditionText).optional(),
  deny: z.array(relationText).optional(),
  owner: z.string().optional(),
  review_by: z
    .string()
    .regex(/^\d{4}-\d{2}-\d{2}$/, 'is no date; write it as 2027-06-30')
    .optional(),
  limits: limits.optional(),
});

const claims = z.union([
  z.strictObject({
    token: z.strictObject({
      /** A JSON Web Key Set with public keys; a relative name counts from the policy folder. */
      jwks: z.string().min(1),
      issuer: z.string().min(1),
      audience: z.string().min(1),
    }),
  }),
  z.literal('settings'),
]);

const session = z
  .strictObject({
    user: z.string().min(1).optional(),
    database: z.string().min(1).optional(),
    address: z.union([z.string(), z.array(z.string()).min(1)]).optional(),
    /** The common name of a client certificate that listen.tls.client_ca has signed; "*" is any. */
    certificate: z.string().min(1).optional(),
    /** A claim, not a proof: it comes with something else to match on. */
    application_name: z.string().min(1).optional(),
    exempt: z.literal(true, 'is true or absent; write exempt: true or remove it').optional(),
    audit: z.enum(['statements', 'connections']).optional(),
    role: name.optional(),
    purpose: name.optional(),
    /** The roles that the session may claim. */
    may: z.array(name).min(1, 'lists no role, so nothing can be claimed; list at least one').optional(),
    claims: claims.optional(),
    /** Claims hold for one transaction, because a pool shares the connection between clients. */
    pooled: z.literal(true, 'is true or absent; write pooled: true or remove it').optional(),
  })
  .superRefine((value, refinement) => {
    const add = (path: string[], message: string): void => {
      refinement.addIssue({ code: 'custom', path, message });
    };
    // FAIL-CLOSED: anybody can claim a name, so it may only make a match narrower that something else has made.
    const named = [value.user, value.database, value.address, value.certificate];
    if (value.application_name !== undefined && named.every((one) => one === undefined || one === '*'))
      add(
        ['application_name'],
        'is what the client says of itself; add user:, database:, address: or certificate: to the session, or remove it',
      );
    const claiming = value.may !== undefined || value.claims !== undefined;
    if (value.exempt === undefined && value.role === undefined && !claiming) {
      add(
        [],
        'the session gets neither a role nor an exemption; add role:, may: with claims:, or exempt: true',
      );
    }
    const acting = (['role', 'purpose', 'may', 'claims'] as const).find((key) => value[key] !== undefined);
    if (value.exempt === true && acting !== undefined) {
      add([acting], 'an exempt session acts in no role; remove it or exempt:');
    } else if (claiming) {
      if (value.claims === undefined) {
        add(
          ['may'],
          'the session does not say how a role is claimed; add claims: settings or claims: { token: … }',
        );
      }
      if (value.may === undefined) {
        add(['claims'], 'the session does not say which roles may be claimed; add may: with their names');
      }
      if (value.role !== undefined) {
        add(['role'], 'a session has a role of its own or claims one; remove role: or may: and claims:');
      } else if (value.purpose !== undefined) {
        add(['purpose'], 'the purpose is claimed together with the role; remove it');
      }
    }
    if (value.pooled === true && value.claims === undefined) {
      add(['pooled'], 'says how long a claim holds, and this session claims nothing; remove it');
    }
    if (value.exempt === undefined && value.audit === 'connections') {
      add(
        ['audit'],
        'every statement of a governed session is audited; write audit: statements or remove it',
      );
    }
  });

export const policyDocumentSchema = z.strictObject({
  version: z.literal(1),
  mode: z.enum(['enforce', 'observe']).optional(),
  unlabelled: z.enum(['clear', 'deny']).optional(),
  unlisted_tables: z.enum(['allow', 'deny']).optional(),
  labels: z.record(name, label).optional(),
  subjects: z.record(relationText, subject).optional(),
  masks: z.record(name, maskSchema).optional(),
  consent: consent.optional(),
  purposes: z.record(name, purpose).optional(),
  restricted: z.strictObject({ when: conditionText, except: z.array(name).optional() }).optional(),
  retention: z
    .record(
      relationText,
      z.strictObject({
        column: identifier,
        keep: z.string().regex(KEEP, 'is no period; write for example "24 months" or "30 days"'),
      }),
    )
    .optional(),
  roles: z.record(name, role).optional(),
  /** Functions outside pg_catalog that governed sessions may call, schema-qualified. */
  functions: z
    .array(z.string().regex(/^[^.]+\.[^.]+$/, 'is not qualified; write schema.function'))
    .optional(),
  sessions: z.array(session).min(1, 'is empty, so nobody can connect; add a session').optional(),
  /** What is unusual enough to tell somebody, by the name of the rule. */
  alerts: z.record(name, alertSchema).optional(),
});

export type PolicyDocument = z.infer<typeof policyDocumentSchema>;
export type SessionEntry = z.infer<typeof session>;
export type SubjectEntry = z.infer<typeof subject>;
export type PurposeEntry = z.infer<typeof purpose>;
export type RoleEntry = z.infer<typeof role>;
