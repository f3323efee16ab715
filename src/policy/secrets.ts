/** Reads the keys of masks from the environment or from files. Never prints one. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { KeySource } from './masks/mask-kind.js';

/** Below this a key can be guessed, and with it every pseudonym. */
const LEAST_BYTES = 16;

export type SecretOutcome =
  | { readonly ok: true; readonly key: Buffer }
  | { readonly ok: false; readonly reason: string; readonly fix: string };

export function secretName(source: KeySource): string {
  return 'env' in source ? `env:${source.env}` : `file:${source.file}`;
}

/** Relative file names count from the policy folder. A trailing line break is not part of the key. */
export function readSecret(
  source: KeySource,
  folder: string,
  environment: Readonly<Record<string, string | undefined>>,
): SecretOutcome {
  let text: string;
  if ('env' in source) {
    const found = environment[source.env];
    if (found === undefined || found === '') {
      return {
        ok: false,
        reason: `the environment variable ${source.env} is not set`,
        fix: `set ${source.env} to at least ${LEAST_BYTES} random characters`,
      };
    }
    text = found;
  } else {
    try {
      text = readFileSync(resolve(folder, source.file), 'utf8').replace(/\r?\n$/, '');
    } catch (cause) {
      const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unreadable';
      return {
        ok: false,
        reason: `the key file cannot be read (${code})`,
        fix: 'correct its path or its rights',
      };
    }
  }
  const key = Buffer.from(text, 'utf8');
  return key.length < LEAST_BYTES
    ? {
        ok: false,
        reason: `the key has fewer than ${LEAST_BYTES} bytes, so it could be guessed`,
        fix: 'use a longer random key, for example from: openssl rand -hex 32',
      }
    : { ok: true, key };
}
