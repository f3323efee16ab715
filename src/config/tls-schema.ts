/** The `tls` parts of the configuration, and what of them fits together. Reads no files. */
import { z } from 'zod';

const path = z.string().min(1);

/** One label, or `*` in place of the first one; lower case, as they are compared. */
const serverName = z
  .string()
  .regex(
    /^(\*\.)?([a-z0-9_-]{1,63}\.)*[a-z0-9_-]{1,63}$/,
    'is no server name; write it in lower case, for example db.example.com or *.example.com',
  );

export const listenTlsSchema = z
  .strictObject({
    mode: z.enum(['disable', 'prefer', 'require', 'verify-client']).default('prefer'),
    cert: path.optional(),
    key: path.optional(),
    client_ca: path.optional(),
    /** Others than cert and key, for clients that name the server that they want (SNI). */
    certificates: z
      .array(z.strictObject({ names: z.array(serverName).min(1), cert: path, key: path }))
      .default([]),
  })
  .superRefine((tls, refinement) => {
    const missing = (key: string, message: string): void => {
      refinement.addIssue({ code: 'custom', path: [key], message });
    };
    if (tls.mode !== 'disable') {
      if (tls.cert === undefined)
        missing('cert', 'is missing; name the file of the certificate, or mode: disable');
      if (tls.key === undefined)
        missing('key', 'is missing; name the file of the private key, or mode: disable');
    }
    if (tls.mode === 'verify-client' && tls.client_ca === undefined)
      missing(
        'client_ca',
        'is missing; mode: verify-client needs the authority that signs client certificates',
      );
    const names = tls.certificates.flatMap((one) => one.names);
    const twice = names.find((name, index) => names.indexOf(name) !== index);
    if (twice !== undefined) missing('certificates', `names "${twice}" twice; name it once`);
  });

export const upstreamTlsSchema = z
  .strictObject({
    mode: z.enum(['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full']).default('prefer'),
    /** A file of authorities, or `system`. */
    ca: path.optional(),
    cert: path.optional(),
    key: path.optional(),
    negotiation: z.enum(['postgres', 'direct']).default('postgres'),
  })
  .superRefine((tls, refinement) => {
    const wrong = (key: string, message: string): void => {
      refinement.addIssue({ code: 'custom', path: [key], message });
    };
    if (tls.mode.startsWith('verify') && tls.ca === undefined)
      wrong(
        'ca',
        `is missing; mode: ${tls.mode} needs the authority of the server's certificate, or ca: system`,
      );
    // As libpq has it: a public authority signs for anybody, so without the name it proves nothing.
    if (tls.ca === 'system' && tls.mode !== 'verify-full')
      wrong(
        'mode',
        'is too weak for ca: system; write mode: verify-full, or name a file of your own authority',
      );
    if (tls.negotiation === 'direct' && ['disable', 'allow', 'prefer'].includes(tls.mode))
      wrong('mode', 'is too weak for negotiation: direct; write mode: require or stricter');
    if ((tls.cert === undefined) !== (tls.key === undefined))
      wrong(
        tls.cert === undefined ? 'cert' : 'key',
        'is missing; a client certificate needs both cert and key',
      );
  });
