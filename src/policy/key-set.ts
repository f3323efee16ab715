/**
 * Reads the JSON Web Key Set of sessions that claim by token. Public keys only: a secret one could sign tokens, and a
 * symmetric one has to be secret. It verifies nothing itself.
 */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { z } from 'zod';
import type { PublicKeySet } from './types.js';

export type KeySetOutcome =
  | { readonly ok: true; readonly keys: PublicKeySet }
  | { readonly ok: false; readonly reason: string; readonly fix: string };

const keySet = z.object({ keys: z.array(z.record(z.string(), z.unknown())) });

const ASYMMETRIC: ReadonlySet<unknown> = new Set(['RSA', 'EC', 'OKP', 'AKP']);

/** Relative file names count from the policy folder, as those of mask keys do. */
export function readKeySet(file: string, folder: string): KeySetOutcome {
  if (/^[a-z]+:\/\//i.test(file))
    return {
      ok: false,
      reason: 'the key set is an address, and pgveil fetches none',
      fix: 'save the key set as a file and name that',
    };
  let text: string;
  try {
    text = readFileSync(resolve(folder, file), 'utf8');
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unreadable';
    return {
      ok: false,
      reason: `the key set cannot be read (${code})`,
      fix: 'correct its path or its rights',
    };
  }
  return checkKeySet(text);
}

function checkKeySet(text: string): KeySetOutcome {
  const fix = 'save the key set that the issuer publishes, as JSON of the form { "keys": [ … ] }';
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { ok: false, reason: 'the key set is not JSON', fix };
  }
  const parsed = keySet.safeParse(value);
  if (!parsed.success || parsed.data.keys.length === 0)
    return { ok: false, reason: 'the file holds no JSON Web Key Set', fix };
  for (const key of parsed.data.keys) {
    if (!ASYMMETRIC.has(key['kty']))
      return {
        ok: false,
        reason: 'the key set holds a key that is not of an asymmetric kind',
        fix: 'keep keys of the kinds RSA, EC and OKP only: whoever can verify with another one can also sign',
      };
    if (key['d'] !== undefined || key['priv'] !== undefined)
      return { ok: false, reason: 'the key set holds a private key', fix: 'save the public keys only' };
  }
  return { ok: true, keys: parsed.data };
}
