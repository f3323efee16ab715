/** The key `auth` of pgveil.yaml: where log-ins end, and where the verifiers for that come from. */
import { z } from 'zod';

const verifiers = z
  .strictObject({
    from: z.enum(['query', 'file'], 'is query (asks the database) or file (a userlist.txt of PgBouncer)'),
    url: z
      .string()
      .regex(/^postgres(ql)?:\/\//, 'is no such URL; write postgres://…')
      .optional(),
    query: z
      .string()
      .includes('$1', { error: 'does not ask for a user; write $1 where the name belongs' })
      .optional(),
    path: z.string().min(1).optional(),
  })
  .superRefine(({ from, url, query, path }, refinement) => {
    const add = (key: string, message: string): void => {
      refinement.addIssue({ code: 'custom', path: [key], message });
    };
    if (from === 'query') {
      if (url === undefined)
        add(
          'url',
          'is missing; write postgres://user:password@host:port/database of a login that may read the verifiers',
        );
      if (path !== undefined) add('path', 'belongs to from: file; remove it');
    } else {
      if (path === undefined) add('path', 'is missing; write the path of the userlist.txt');
      if (url !== undefined) add('url', 'belongs to from: query; remove it');
      if (query !== undefined) add('query', 'belongs to from: query; remove it');
    }
  });

export const authSchema = z
  .strictObject({
    /** Absent: scram where verifiers are given, else passthrough. */
    mode: z.enum(['scram', 'passthrough'], 'is scram or passthrough').optional(),
    verifiers: verifiers.optional(),
  })
  .superRefine((value, refinement) => {
    if (value.mode === 'scram' && value.verifiers === undefined)
      refinement.addIssue({
        code: 'custom',
        path: ['mode'],
        message:
          'needs verifiers to check log-ins against; add verifiers: { from: query, url: "postgres://…" } or { from: file, path: userlist.txt }, or write mode: passthrough',
      });
    if (value.mode === 'passthrough' && value.verifiers !== undefined)
      refinement.addIssue({
        code: 'custom',
        path: ['verifiers'],
        message: 'are not used in mode: passthrough; remove them, or write mode: scram',
      });
  });

export type AuthConfig = z.infer<typeof authSchema>;
export type VerifiersConfig = NonNullable<AuthConfig['verifiers']>;
