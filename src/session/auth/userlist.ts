/**
 * PgBouncer's userlist.txt: `"user" "secret"` a line, quotes doubled inside, the rest of a line ignored. It reads text;
 * who opens the file is not its business. Stricter than PgBouncer, which stops at a line that it does not understand.
 */
import { parseScramVerifier } from './scram-keys.js';

const LINE = /^\s*"((?:[^"]|"")*)"\s+"((?:[^"]|"")*)"(?:\s.*)?$/;

export type Userlist =
  | { readonly ok: true; readonly secrets: ReadonlyMap<string, string> }
  /** Counted from 1; the line itself may hold a password. */
  | { readonly ok: false; readonly line: number; readonly problem: string };

export function readUserlist(text: string): Userlist {
  const secrets = new Map<string, string>();
  for (const [index, content] of text
    .replace(/^\ufeff/, '')
    .split(/\r?\n/)
    .entries()) {
    const line = index + 1;
    if (/^\s*(;.*|#.*)?$/.test(content)) continue;
    const [, user, secret] = LINE.exec(content)?.map((part) => part.replaceAll('""', '"')) ?? [];
    if (user === undefined || secret === undefined)
      return { ok: false, line, problem: 'is not of the form "user" "secret"' };
    if (user === '' || user.includes('\0')) return { ok: false, line, problem: 'names no user' };
    if (secrets.has(user)) return { ok: false, line, problem: 'names a user for the second time' };
    // FAIL-CLOSED: taken for a password in clear, it would let in whoever has seen the file.
    if (secret.startsWith('SCRAM-SHA-256$') && parseScramVerifier(secret) === undefined)
      return { ok: false, line, problem: 'holds a SCRAM verifier that is not whole' };
    secrets.set(user, secret);
  }
  return { ok: true, secrets };
}
