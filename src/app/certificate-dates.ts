/**
 * From when until when pgveil's own certificates are valid: what people hear of it at start-up, on a reload and from
 * `pgveil check`. A certificate out of date is used all the same, as PostgreSQL does; it is the other side that refuses it.
 */
import { X509Certificate } from 'node:crypto';
import type { Logger } from '../observe/log.js';
import type { PolicyProblem } from '../policy/types.js';

export interface CertificateDates {
  readonly file: string;
  /** SHA-256, to tell a new certificate from the one before. */
  readonly fingerprint: string;
  readonly from: Date;
  readonly until: Date;
}

/** Some bundles have no line break between two certificates, which OpenSSL does not take. */
const FIRST = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/;
const SOON_DAYS = 14;
const DAY_MS = 86_400_000;

/** @param pem - begins with pgveil's own certificate; those of the chain behind it are not looked at */
export function certificateDates(file: string, pem: string): CertificateDates {
  const { fingerprint256, validFrom, validTo } = new X509Certificate(FIRST.exec(pem)?.[0] ?? pem);
  return { file, fingerprint: fingerprint256, from: new Date(validFrom), until: new Date(validTo) };
}

/** Those that clients, or the database server, refuse now or will before long. */
export function certificateWarnings(certificates: readonly CertificateDates[], now: Date): PolicyProblem[] {
  return certificates.flatMap(({ file, from, until }) => {
    const said =
      from > now
        ? `the certificate is not valid before ${day(from)}`
        : until < now
          ? `the certificate has expired on ${day(until)}`
          : until.getTime() - now.getTime() < SOON_DAYS * DAY_MS
            ? `the certificate expires on ${day(until)}`
            : undefined;
    if (said === undefined) return [];
    const place = { file, line: 1, column: 1 };
    const fix =
      'put a new certificate and its key in place of the files; SIGHUP, or saving them, puts them in force';
    return [{ place, severity: 'warning', code: 'certificate-date', text: file, message: said, fix }];
  });
}

/** Says which certificates new connections are shown from now on. */
export function tellCertificates(
  certificates: readonly CertificateDates[],
  before: readonly CertificateDates[],
  logger: Pick<Logger, 'info' | 'warn'>,
): void {
  if (
    certificates.map(({ fingerprint }) => fingerprint).join() ===
    before.map(({ fingerprint }) => fingerprint).join()
  )
    return;
  logger.info(
    { certificates: certificates.map(({ file, until }) => ({ file, until: until.toISOString() })) },
    'certificates are in force for new connections',
  );
  for (const { place, code, message, fix } of certificateWarnings(certificates, new Date()))
    logger.warn({ place: place.file, code, fix }, `TLS: ${message}`);
}

function day(date: Date): string {
  return date.toISOString().slice(0, 10);
}
