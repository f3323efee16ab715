/**
 * Where the log-ins that end at the proxy get their verifiers from: a query, or a file that a reload reads again. How a
 * log-in goes stands in session/auth.
 */
import { readFile } from 'node:fs/promises';
import { RolePasswords, type RolePasswordRow } from '../catalog/role-passwords.js';
import type { VerifiersConfig } from '../config/auth-schema.js';
import type { Config } from '../config/schema.js';
import type { PolicyProblem } from '../policy/types.js';
import { FailureDelays } from '../session/auth/failure-delays.js';
import { derivedSalt, mockVerifier } from '../session/auth/mock-verifier.js';
import type { AuthenticationPort } from '../session/auth/port.js';
import { cleartextPassword, type RoleEntry, storedPassword } from '../session/auth/role-password.js';
import { DEFAULT_ITERATIONS, type ScramVerifier } from '../session/auth/scram-keys.js';
import { readUserlist } from '../session/auth/userlist.js';
import { mockSecret } from './mock-secret.js';

interface Source {
  find(user: string): Promise<RoleEntry | undefined>;
  /** As most verifiers have. */
  iterations(): number;
  close(): Promise<void>;
}

export interface PreparedAuthentication {
  readonly problems: readonly PolicyProblem[];
  commit(): void;
}

/** Of one process. */
export class Authentication implements AuthenticationPort {
  readonly delays = new FailureDelays();
  private source: Source;
  private readonly verifiers: VerifiersConfig;
  private readonly secret: Buffer;

  constructor(verifiers: VerifiersConfig, secret: Buffer, source: Source) {
    this.verifiers = verifiers;
    this.secret = secret;
    this.source = source;
  }

  find(user: string): Promise<RoleEntry | undefined> {
    return this.source.find(user);
  }

  mock(user: string): ScramVerifier {
    return mockVerifier(this.secret, user, this.source.iterations());
  }

  get standsAlone(): boolean {
    return this.verifiers.from === 'file';
  }

  /** A query has nothing to load again. */
  async prepareReload(): Promise<PreparedAuthentication> {
    if (this.verifiers.from === 'query') return { problems: [], commit: () => undefined };
    const again = await loadUserlist(this.verifiers.path!, this.secret);
    if (!again.ok) return { problems: [again.problem], commit: () => undefined };
    return { problems: [], commit: () => (this.source = again.source) };
  }

  /** Tells what is wrong with the query before a client does. */
  async probe(): Promise<void> {
    await this.source.find('');
  }

  close(): Promise<void> {
    return this.source.close();
  }
}

export type AuthenticationOutcome =
  /** Undefined: the server's own exchange is relayed. */
  | { readonly ok: true; readonly authentication: Authentication | undefined }
  | { readonly ok: false; readonly problems: readonly PolicyProblem[] };

/** Reads a file; a query is asked when somebody logs in. */
export async function openAuthentication(config: Config): Promise<AuthenticationOutcome> {
  const { verifiers } = config.auth;
  if (verifiers === undefined) return { ok: true, authentication: undefined };
  const secret = mockSecret(config.audit.spool);
  if (verifiers.from === 'file') {
    const loaded = await loadUserlist(verifiers.path!, secret);
    if (!loaded.ok) return { ok: false, problems: [loaded.problem] };
    return { ok: true, authentication: new Authentication(verifiers, secret, loaded.source) };
  }
  // A log-in has time for the rest as well.
  const timeoutMs = Math.max(1_000, Math.floor(config.limits.auth_timeout / 2));
  const passwords = new RolePasswords({ url: verifiers.url!, query: verifiers.query, timeoutMs });
  const source: Source = {
    find: async (user) => entryOf(await passwords.lookUp(user)),
    iterations: () => passwords.iterations ?? DEFAULT_ITERATIONS,
    close: () => passwords.close(),
  };
  return { ok: true, authentication: new Authentication(verifiers, secret, source) };
}

/** Tries what a start would need, for `pgveil check`: writes nothing. @param offline - no database is asked */
export async function verifierProblems(config: Config, offline: boolean): Promise<readonly PolicyProblem[]> {
  const { verifiers } = config.auth;
  if (verifiers === undefined) return [];
  if (verifiers.from === 'file') {
    const loaded = await loadUserlist(verifiers.path!, Buffer.alloc(0));
    return loaded.ok ? [] : [loaded.problem];
  }
  if (offline) return [];
  const timeoutMs = config.limits.auth_timeout;
  const passwords = new RolePasswords({ url: verifiers.url!, query: verifiers.query, timeoutMs });
  try {
    await passwords.lookUp('');
    return [];
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return [
      {
        place: { file: 'pgveil.yaml', line: 1, column: 1 },
        severity: 'error',
        code: 'verifiers',
        text: 'auth.verifiers',
        message: `the verifiers cannot be read, so nobody could log in: ${why}`,
        fix: 'correct the URL, the query or the rights of its login (docs/configuration.md, Authentication)',
      },
    ];
  } finally {
    await passwords.close();
  }
}

function entryOf(row: RolePasswordRow | undefined): RoleEntry | undefined {
  if (row === undefined) return undefined;
  const { secret, validUntil } = row;
  return { password: secret === undefined ? undefined : storedPassword(secret), validUntil };
}

type LoadedUserlist =
  { readonly ok: true; readonly source: Source } | { readonly ok: false; readonly problem: PolicyProblem };

async function loadUserlist(path: string, secret: Buffer): Promise<LoadedUserlist> {
  const failed = (line: number, message: string, fix: string): LoadedUserlist => {
    const place = { file: path, line, column: 1 };
    return { ok: false, problem: { place, severity: 'error', code: 'verifiers', text: path, message, fix } };
  };
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unreadable';
    return failed(1, `the file of auth.verifiers cannot be read (${code})`, 'correct its path or its rights');
  }
  const read = readUserlist(text);
  if (!read.ok)
    return failed(read.line, `this line ${read.problem}`, 'write "user" "secret", one user a line');
  const entries = new Map<string, RoleEntry>();
  for (const [user, secretText] of read.secrets) {
    const stored = storedPassword(secretText);
    // The work is done now, so that nobody who logs in pays for it, or is known by it.
    const password =
      stored ??
      (secretText === ''
        ? undefined
        : await cleartextPassword(Buffer.from(secretText), derivedSalt(secret, user)));
    entries.set(user, { password, validUntil: undefined });
  }
  const iterations = commonIterations([...entries.values()]);
  return {
    ok: true,
    source: {
      find: (user) => Promise.resolve(entries.get(user)),
      iterations: () => iterations,
      close: () => Promise.resolve(),
    },
  };
}

/** An unknown user is told the count that most are told. */
function commonIterations(entries: readonly RoleEntry[]): number {
  const seen = new Map<number, number>();
  for (const { password } of entries) {
    if (password === undefined || password.kind === 'md5') continue;
    const { iterations } = password.verifier;
    seen.set(iterations, (seen.get(iterations) ?? 0) + 1);
  }
  const [most] = [...seen].sort(([, a], [, b]) => b - a);
  return most?.[0] ?? DEFAULT_ITERATIONS;
}
