/** Reads the key that signs the audit log's checkpoints. Every mistake in it is told before anything starts. */
import { createPrivateKey, type KeyObject } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import type { Config } from '../config/schema.js';
import { PEM } from '../config/checkpoints-schema.js';
import type { PolicyProblem } from '../policy/types.js';

export type CheckpointKeyOutcome =
  /** Without a key: none is configured. */
  | { readonly ok: true; readonly key: KeyObject | undefined }
  | { readonly ok: false; readonly problems: readonly PolicyProblem[] };

const SETTING = 'audit.checkpoints.key';
const MAKE_ONE = 'make one: openssl genpkey -algorithm ed25519 -out checkpoint.key';
const FOR_OTHERS = 0o007;

export function loadCheckpointKey({ audit }: Pick<Config, 'audit'>): CheckpointKeyOutcome {
  if (audit.checkpoints === undefined) return { ok: true, key: undefined };
  const value = audit.checkpoints.key;
  // The value itself is never told where it is the key.
  const inline = value.startsWith(PEM);
  const name = inline ? SETTING : value;
  const failed = (message: string, fix: string): CheckpointKeyOutcome => ({
    ok: false,
    problems: [
      {
        place: { file: name, line: 1, column: 1 },
        severity: 'error',
        code: 'checkpoint-key',
        text: name,
        message,
        fix,
      },
    ],
  });
  let pem = value;
  if (!inline) {
    try {
      if ((statSync(value).mode & FOR_OTHERS) !== 0)
        return failed(
          'the key that signs the audit log is open to every user of this machine',
          `chmod 600 ${value}`,
        );
      pem = readFileSync(value, 'utf8');
    } catch (cause) {
      const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unreadable';
      const fix = code === 'ENOENT' ? `correct its path, or ${MAKE_ONE}` : 'correct its path or its rights';
      return failed(`the key that signs the audit log cannot be read (${code})`, fix);
    }
  }
  return parsed(pem, failed);
}

function parsed(
  pem: string,
  failed: (message: string, fix: string) => CheckpointKeyOutcome,
): CheckpointKeyOutcome {
  // createPrivateKey tells both apart from garbage by OpenSSL's texts alone, which differ between versions.
  if (/-----BEGIN (PUBLIC KEY|CERTIFICATE)-----/.test(pem) && !pem.includes('PRIVATE KEY-----'))
    return failed('this is the public half; checkpoints are signed with the private key', MAKE_ONE);
  if (/ENCRYPTED/.test(pem))
    return failed(
      'the key is encrypted',
      'store it without a passphrase, readable by pgveil alone: openssl pkey -in … -out …',
    );
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch {
    // OpenSSL's own text may quote the file.
    return failed('this is no private key in PEM (PKCS#8, -----BEGIN PRIVATE KEY-----)', MAKE_ONE);
  }
  if (key.asymmetricKeyType !== 'ed25519')
    return failed(
      `this is a key for ${key.asymmetricKeyType ?? 'something else'}; checkpoints need Ed25519`,
      MAKE_ONE,
    );
  return { ok: true, key };
}
