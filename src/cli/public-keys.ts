/** The keys that `audit verify` checks signatures with: files that are named, else the configured key's public half. */
import { createPublicKey, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { loadCheckpointKey } from '../app/checkpoint-key.js';
import { keyName, publicKeyOf } from '../audit/checkpoint.js';
import type { PublicKeys } from '../audit/verify/chain-check.js';
import type { Config } from '../config/schema.js';
import { CommandFailure, EXIT, ProblemsFailure } from './exit.js';

const MAKE_ONE = 'name its public half: openssl pkey -in checkpoint.key -pubout -out checkpoint.pub';

export function publicKeys(files: readonly string[], config: Config | undefined): PublicKeys {
  if (files.length > 0) return new Map(files.map(readPublicKey).map((key) => [keyName(key), key]));
  if (config === undefined) return new Map();
  const configured = loadCheckpointKey(config);
  if (!configured.ok) throw new ProblemsFailure(configured.problems);
  if (configured.key === undefined) return new Map();
  const key = publicKeyOf(configured.key);
  return new Map([[keyName(key), key]]);
}

/** createPublicKey takes a private key too, and gives its public half. */
function readPublicKey(file: string): KeyObject {
  let key: KeyObject;
  try {
    key = createPublicKey(readFileSync(file, 'utf8'));
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
    const what = /^E[A-Z]+$/.test(code) ? `cannot be read (${code})` : 'holds no key in PEM that can be used';
    throw new CommandFailure(EXIT.usage, `${file} ${what}`, { fix: MAKE_ONE });
  }
  if (key.asymmetricKeyType !== 'ed25519') {
    const kind = key.asymmetricKeyType ?? 'something else';
    throw new CommandFailure(
      EXIT.usage,
      `${file} is a key for ${kind}; checkpoints are signed with Ed25519`,
      {
        fix: MAKE_ONE,
      },
    );
  }
  return key;
}
