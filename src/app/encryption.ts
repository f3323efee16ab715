/**
 * Reads the certificates that the configuration names, and keeps those in force while others are loaded. What is done
 * with them stands in session/tls.
 */
import { X509Certificate } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import type { Config } from '../config/schema.js';
import type { PolicyProblem } from '../policy/types.js';
import type { EncryptionPort } from '../session/ports.js';
import { certificateDates, certificateWarnings, type CertificateDates } from './certificate-dates.js';
import { createUpstreamTls, type UpstreamTls } from '../session/tls/client-handshake.js';
import { createServerTls, type KeyPair, type ServerTls } from '../session/tls/server-handshake.js';

export interface Encryption {
  readonly listen: ServerTls | undefined;
  readonly upstream: UpstreamTls | undefined;
  /** pgveil's own ones, of both legs, in the order of the configuration. */
  readonly certificates: readonly CertificateDates[];
}

export type EncryptionOutcome =
  | { readonly ok: true; readonly encryption: Encryption; readonly warnings: readonly PolicyProblem[] }
  | { readonly ok: false; readonly problems: readonly PolicyProblem[] };

type TlsConfig = Pick<Config, 'listen' | 'upstream'> & { readonly audit: Pick<Config['audit'], 'redis'> };

/** Reads and tries every file; nothing is put in force. */
export function loadEncryption(config: TlsConfig): EncryptionOutcome {
  const files = new PemFiles();
  const listen = loadListen(config.listen.tls, files);
  const upstream = loadUpstream(config.upstream, files);
  tryRedis(config.audit.redis, files);
  const { problems, certificates } = files;
  return problems.length > 0
    ? { ok: false, problems }
    : {
        ok: true,
        encryption: { listen, upstream, certificates },
        warnings: certificateWarnings(certificates, new Date()),
      };
}

/** The paths of all files that a reload reads. */
export function encryptionFiles({ listen, upstream, audit }: TlsConfig): readonly string[] {
  const own = listen.tls?.mode === 'disable' ? undefined : listen.tls;
  const theirs = upstream.tls?.mode === 'disable' ? undefined : upstream.tls;
  const others = own?.certificates.flatMap(({ cert, key }) => [cert, key]) ?? [];
  const ofRedis = redisTls(audit.redis).flatMap(({ ca, cert, key }) => [ca, cert, key]);
  const all = [
    own?.cert,
    own?.key,
    own?.client_ca,
    ...others,
    theirs?.ca,
    theirs?.cert,
    theirs?.key,
    ...ofRedis,
  ];
  return all.filter((path): path is string => path !== undefined && path !== 'system');
}

/** Sessions ask it for each connection. Those that live keep what they began with. */
export class EncryptionKeeper implements EncryptionPort {
  private current: Encryption;

  constructor(initial: Encryption) {
    this.current = initial;
  }

  client(): ServerTls | undefined {
    return this.current.listen;
  }

  upstream(): UpstreamTls | undefined {
    return this.current.upstream;
  }

  certificates(): readonly CertificateDates[] {
    return this.current.certificates;
  }

  put(encryption: Encryption): void {
    this.current = encryption;
  }
}

function loadListen(tls: Config['listen']['tls'], files: PemFiles): ServerTls | undefined {
  if (tls === undefined || tls.mode === 'disable') return undefined;
  const { mode } = tls;
  // The schema demands both.
  const main = files.pair(tls.cert!, tls.key!);
  const clientCa = tls.client_ca === undefined ? undefined : files.authorities(tls.client_ca);
  const byName = new Map<string, KeyPair>();
  for (const { names, cert, key } of tls.certificates) {
    const pair = files.pair(cert, key);
    if (pair !== undefined) for (const name of names) byName.set(name, pair);
  }
  if (files.problems.length > 0 || main === undefined) return undefined;
  return createServerTls({ mode, main, byName, clientCa });
}

function loadUpstream({ host, tls }: Config['upstream'], files: PemFiles): UpstreamTls | undefined {
  if (tls === undefined || tls.mode === 'disable') return undefined;
  const { mode } = tls;
  const direct = tls.negotiation === 'direct';
  const before = files.problems.length;
  const ca =
    tls.ca === undefined ? undefined : tls.ca === 'system' ? files.system() : files.authorities(tls.ca);
  const client = tls.cert === undefined ? undefined : files.pair(tls.cert, tls.key!);
  if (files.problems.length > before) return undefined;
  return createUpstreamTls({ mode, host, ca, client, direct });
}

/** The client of Redis reads them itself, at each connection; here they are only tried. */
function tryRedis(redis: Config['audit']['redis'], files: PemFiles): void {
  for (const { ca, cert, key } of redisTls(redis)) {
    if (ca !== undefined) files.authorities(ca);
    if (cert !== undefined) files.pair(cert, key!);
  }
}

function redisTls(redis: Config['audit']['redis']) {
  if (redis === undefined || typeof redis === 'string') return [];
  return [redis.tls, redis.sentinel?.tls].filter((tls) => tls !== undefined);
}

/** Where systems keep the authorities they trust: OpenSSL's own setting first, then Debian, Red Hat, Alpine and BSD. */
const systemBundles = [
  process.env['SSL_CERT_FILE'],
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/cert.pem',
];

class PemFiles {
  readonly problems: PolicyProblem[] = [];
  readonly certificates: CertificateDates[] = [];

  pair(certPath: string, keyPath: string): KeyPair | undefined {
    const cert = this.read(certPath);
    const key = this.read(keyPath);
    if (cert === undefined || key === undefined || !this.areCertificates(certPath, cert)) return undefined;
    try {
      createSecureContext({ cert, key });
    } catch (error) {
      const [message, fix] = keyProblem(error, certPath);
      this.problem(keyPath, message, fix);
      return undefined;
    }
    this.certificates.push(certificateDates(certPath, cert));
    return { cert, key };
  }

  authorities(path: string): string | undefined {
    const text = this.read(path);
    return text !== undefined && this.areCertificates(path, text) ? text : undefined;
  }

  system(): string | undefined {
    const bundle = systemBundles.find((path) => path !== undefined && existsSync(path));
    if (bundle !== undefined) return this.authorities(bundle);
    this.problem(
      'system',
      'this system keeps no list of authorities where it is looked for',
      'set SSL_CERT_FILE',
    );
    return undefined;
  }

  private read(path: string): string | undefined {
    try {
      return readFileSync(path, 'utf8');
    } catch (cause) {
      const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unreadable';
      this.problem(path, `the file cannot be read (${code})`, 'correct its path or its rights');
      return undefined;
    }
  }

  /** All of them: a bundle that breaks off in the middle would trust less than it seems to. */
  private areCertificates(path: string, text: string): boolean {
    const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
    try {
      if (blocks.length === 0) throw new Error('none');
      for (const block of blocks) new X509Certificate(block);
      return true;
    } catch {
      this.problem(
        path,
        'the file holds no certificate in PEM that can be read',
        'name a PEM file, -----BEGIN CERTIFICATE-----',
      );
      return false;
    }
  }

  private problem(path: string, message: string, fix: string): void {
    const place = { file: path, line: 1, column: 1 };
    this.problems.push({ place, severity: 'error', code: 'tls', text: path, message, fix });
  }
}

/** From OpenSSL's codes to a sentence; its own texts may quote the file. */
function keyProblem(error: unknown, certPath: string): readonly [message: string, fix: string] {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
  if (code === 'ERR_OSSL_X509_KEY_VALUES_MISMATCH' || code === 'ERR_OSSL_X509_KEY_TYPE_MISMATCH')
    return [
      `the key does not belong to the certificate ${certPath}`,
      'name the key that the certificate was made with',
    ];
  if (code === 'ERR_MISSING_PASSPHRASE' || code.includes('BAD_DECRYPT') || code.includes('INTERRUPTED'))
    return [
      'the key is encrypted',
      'store it without a passphrase, readable by pgveil alone: openssl pkey -in … -out …',
    ];
  return [`the key cannot be used (${code})`, 'name a PEM file with the private key of the certificate'];
}
