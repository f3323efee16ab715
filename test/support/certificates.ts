/**
 * Certificates for tests, made afresh in a temporary folder: an authority, what it has signed for servers and roles,
 * and the ones that must not be trusted (another authority's, an expired one).
 */
import 'reflect-metadata';
import { createHash, webcrypto } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as x509 from '@peculiar/x509';

// The package types it as the DOM's Crypto, which this project does not load; Node's is the same interface.
x509.cryptoProvider.set(webcrypto as never);

const day = 24 * 60 * 60 * 1000;

/** `ecdsa` is P-256 with SHA-256. `rsa-…` names the hash of the signature, `rsa-pss` is RSASSA-PSS with SHA-256. */
export type KeyKind = 'ecdsa' | 'ecdsa-sha384' | 'rsa' | 'rsa-sha1' | 'rsa-sha512' | 'rsa-pss' | 'ed25519';

export interface CertificateFiles {
  /** Paths of PEM files; the key is readable by its owner alone (0600), as PostgreSQL and libpq demand. */
  readonly cert: string;
  readonly key: string;
  /** The same as PEM texts. */
  readonly certPem: string;
  readonly keyPem: string;
  /** SHA-256 of the certificate, in the spelling of X509Certificate.fingerprint256. */
  readonly fingerprint: string;
}

export interface CertificateOptions {
  /** Of the subject; the first of `names` when absent. */
  readonly commonName?: string;
  /** The whole subject, for those that need more than a common name; ahead of `commonName`. */
  readonly subject?: x509.JsonName;
  /** Of the subject alternative name: DNS names and IP addresses. None: no such extension. */
  readonly names?: readonly string[];
  /** ecdsa when absent: RSA keys take long to make. */
  readonly kind?: KeyKind;
  /** It ended yesterday. */
  readonly expired?: boolean;
  /** File name without its ending; a counter is added when it is taken. */
  readonly name?: string;
}

export interface Authority {
  readonly files: CertificateFiles;
  /** A certificate that this authority has signed, with a key of its own. */
  issue(options: CertificateOptions): Promise<CertificateFiles>;
}

export interface Certificates {
  readonly folder: string;
  /** The one that everybody trusts. */
  readonly ca: Authority;
  /** Nobody trusts this one; it has the same name as the other. */
  readonly wrongCa: Authority;
  /** Of `ca`, for localhost and 127.0.0.1. */
  readonly server: CertificateFiles;
  /** The same names, by `wrongCa`. */
  readonly wrongServer: CertificateFiles;
  /** The same names, by `ca`, and ended yesterday. */
  readonly expiredServer: CertificateFiles;
  /** A client certificate of `ca` whose common name is the role. */
  client(role: string): Promise<CertificateFiles>;
  /** Another authority, for bundles and chains. */
  authority(name: string): Promise<Authority>;
  remove(): void;
}

const localNames = ['localhost', '127.0.0.1'];

/** About 20 ms with ECDSA. Remove it at the end of the test file. */
export async function makeCertificates(): Promise<Certificates> {
  const folder = mkdtempSync(join(tmpdir(), 'pgveil-certificates-'));
  // Read by servers that run as another user; each key guards itself.
  chmodSync(folder, 0o755);
  const writer = fileWriter(folder);
  const [ca, wrongCa] = await Promise.all([
    makeAuthority('pgveil test CA', 'ca', writer),
    makeAuthority('pgveil test CA', 'wrong-ca', writer),
  ]);
  const [server, wrongServer, expiredServer] = await Promise.all([
    ca.issue({ names: localNames, name: 'server' }),
    wrongCa.issue({ names: localNames, name: 'wrong-server' }),
    ca.issue({ names: localNames, name: 'expired-server', expired: true }),
  ]);
  return {
    folder,
    ca,
    wrongCa,
    server,
    wrongServer,
    expiredServer,
    client: (role) => ca.issue({ commonName: role, name: `client-${role}` }),
    authority: (name) => makeAuthority(name, 'authority', writer),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

type Writer = (name: string, certPem: string, keyPem: string) => CertificateFiles;

function fileWriter(folder: string): Writer {
  const taken = new Map<string, number>();
  return (wanted, certPem, keyPem) => {
    const count = taken.get(wanted) ?? 0;
    taken.set(wanted, count + 1);
    const name = count === 0 ? wanted : `${wanted}-${count}`;
    const cert = join(folder, `${name}.crt`);
    const key = join(folder, `${name}.key`);
    writeFileSync(cert, certPem);
    writeFileSync(key, keyPem, { mode: 0o600 });
    const der = Buffer.from(new x509.X509Certificate(certPem).rawData);
    const fingerprint = createHash('sha256').update(der).digest('hex').toUpperCase().match(/../g)!.join(':');
    return { cert, key, certPem, keyPem, fingerprint };
  };
}

async function makeAuthority(commonName: string, fileName: string, write: Writer): Promise<Authority> {
  const keys = await keysOf('ecdsa');
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: [{ CN: [commonName] }],
    keys,
    signingAlgorithm: algorithms.ecdsa,
    ...validity(false),
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  const files = write(fileName, certificate.toString('pem'), await privatePem(keys));
  /** One authority signs with any kind of key, since tls-server-end-point hashes as the signature did. */
  const signers = new Map<KeyKind, Promise<Authority>>();
  const issueItself = async (options: CertificateOptions): Promise<CertificateFiles> => {
    const made = await issueFrom(certificate, keys, 'ecdsa', options);
    return write(options.name ?? 'certificate', made.certPem, made.keyPem);
  };
  const signer = (kind: KeyKind): Promise<Authority> => {
    const known = signers.get(kind) ?? intermediate(certificate, keys, kind, write);
    signers.set(kind, known);
    return known;
  };
  return {
    files,
    async issue(options) {
      const kind = options.kind ?? 'ecdsa';
      return kind === 'ecdsa' ? issueItself(options) : (await signer(kind)).issue(options);
    },
  };
}

/** Signs with another kind of key; its own certificate follows those that it signs, as a chain file has them. */
async function intermediate(
  parent: x509.X509Certificate,
  parentKeys: webcrypto.CryptoKeyPair,
  kind: KeyKind,
  write: Writer,
): Promise<Authority> {
  const keys = await keysOf(kind);
  const certificate = await x509.X509CertificateGenerator.create({
    subject: [{ CN: [`pgveil test CA, ${kind}`] }],
    issuer: parent.subjectName,
    publicKey: keys.publicKey,
    signingKey: parentKeys.privateKey,
    signingAlgorithm: algorithms.ecdsa,
    ...validity(false),
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  const chain = certificate.toString('pem');
  return {
    files: write(`ca-${kind}`, chain, await privatePem(keys)),
    async issue(options) {
      const made = await issueFrom(certificate, keys, kind, options);
      return write(options.name ?? 'certificate', `${made.certPem}\n${chain}`, made.keyPem);
    },
  };
}

async function issueFrom(
  issuer: x509.X509Certificate,
  issuerKeys: webcrypto.CryptoKeyPair,
  kind: KeyKind,
  options: CertificateOptions,
): Promise<{ certPem: string; keyPem: string }> {
  // A key of the signature's own family, so that a test of RSA is RSA all through.
  const keys = await keysOf(kind);
  const names = options.names ?? [];
  const commonName = options.commonName ?? names[0] ?? 'unnamed';
  const extensions: x509.Extension[] = [
    new x509.BasicConstraintsExtension(false, undefined, true),
    new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth]),
    await x509.AuthorityKeyIdentifierExtension.create(issuer.publicKey),
  ];
  if (names.length > 0) {
    const entries = names.map((value) => ({ type: isAddress(value) ? 'ip' : 'dns', value }) as const);
    extensions.push(new x509.SubjectAlternativeNameExtension(entries));
  }
  const certificate = await x509.X509CertificateGenerator.create({
    subject: options.subject ?? [{ CN: [commonName] }],
    issuer: issuer.subjectName,
    publicKey: keys.publicKey,
    signingKey: issuerKeys.privateKey,
    signingAlgorithm: algorithms[kind],
    ...validity(options.expired === true),
    extensions,
  });
  return { certPem: certificate.toString('pem'), keyPem: await privatePem(keys) };
}

function isAddress(name: string): boolean {
  return /^[\d.]+$/.test(name) || name.includes(':');
}

function validity(expired: boolean): { notBefore: Date; notAfter: Date } {
  const now = Date.now();
  return { notBefore: new Date(now - 10 * day), notAfter: new Date(expired ? now - day : now + 10 * day) };
}

const rsa = { name: 'RSASSA-PKCS1-v1_5', modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]) };

const algorithms = {
  ecdsa: { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' },
  'ecdsa-sha384': { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-384' },
  rsa: { ...rsa, hash: 'SHA-256' },
  'rsa-sha1': { ...rsa, hash: 'SHA-1' },
  'rsa-sha512': { ...rsa, hash: 'SHA-512' },
  'rsa-pss': { ...rsa, name: 'RSA-PSS', hash: 'SHA-256', saltLength: 32 },
  ed25519: { name: 'Ed25519' },
} as const satisfies Record<KeyKind, object>;

async function keysOf(kind: KeyKind): Promise<webcrypto.CryptoKeyPair> {
  return (await webcrypto.subtle.generateKey(algorithms[kind], true, [
    'sign',
    'verify',
  ])) as webcrypto.CryptoKeyPair;
}

async function privatePem(keys: webcrypto.CryptoKeyPair): Promise<string> {
  const der = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
  return x509.PemConverter.encode(der, 'PRIVATE KEY');
}
