/** Policy files → a validated PolicySet. Reads files and keys; knows no database. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join, relative, resolve } from 'node:path';
import canonicalize from 'canonicalize';
import { alertRules, type AlertRule } from './alert-rules.js';
import { checkContent } from './check-content.js';
import { mergeFiles, type PolicyContent, type PolicyFile } from './content.js';
import { policyDocumentSchema, type SessionEntry } from './document.js';
import { readKeySet } from './key-set.js';
import { keyOf } from './masks/registry.js';
import { problemAt } from './problems.js';
import { readSecret, secretName } from './secrets.js';
import { addressList, matchSession, type SessionMatcher } from './session-match.js';
import type { ClaimRule, PolicyProblem, PolicySet, PublicKeySet } from './types.js';
import { schemaProblems } from './yaml/schema-problems.js';
import { readYaml } from './yaml/source.js';

/** A PolicySet with what binding needs. */
export interface LoadedPolicySet extends PolicySet {
  readonly content: PolicyContent;
  readonly alerts: readonly AlertRule[];
  /** In the order in which they were merged. */
  readonly files: readonly string[];
  /** Mask keys by secretName. */
  readonly secrets: ReadonlyMap<string, Buffer>;
}

export type LoadOutcome =
  | { readonly ok: true; readonly set: LoadedPolicySet; readonly warnings: readonly PolicyProblem[] }
  | { readonly ok: false; readonly problems: readonly PolicyProblem[] };

export interface PolicyText {
  /** As it is shown in problems. */
  readonly file: string;
  readonly text: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

function fileProblem(file: string, message: string, fix: string): PolicyProblem {
  return { place: { file, line: 1, column: 1 }, severity: 'error', code: 'file', text: '', message, fix };
}

/** Every *.yaml and *.yml below the folder that is not a policy test, in the order of their names. */
function policyFiles(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter(
      (entry) => !entry.isDirectory() && /\.ya?ml$/.test(entry.name) && !/\.test\.ya?ml$/.test(entry.name),
    )
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

function readSecrets(
  content: PolicyContent,
  folder: string,
  environment: Environment,
): { secrets: Map<string, Buffer>; problems: PolicyProblem[] } {
  const secrets = new Map<string, Buffer>();
  const problems: PolicyProblem[] = [];
  for (const mask of content.masks.values()) {
    const source = keyOf(mask.value);
    if (!source) continue;
    const outcome = readSecret(source, folder, environment);
    if (outcome.ok) secrets.set(secretName(source), outcome.key);
    else
      problems.push(
        problemAt(mask, ['key'], { code: 'missing-secret', message: outcome.reason, fix: outcome.fix }),
      );
  }
  return { secrets, problems };
}

/** The key sets of sessions that claim by token, by file name as written. */
function readKeySets(
  content: PolicyContent,
  folder: string,
): { keySets: Map<string, PublicKeySet>; problems: PolicyProblem[] } {
  const keySets = new Map<string, PublicKeySet>();
  const problems: PolicyProblem[] = [];
  for (const session of content.sessions) {
    const { claims } = session.value;
    if (claims === undefined || claims === 'settings' || keySets.has(claims.token.jwks)) continue;
    const outcome = readKeySet(claims.token.jwks, folder);
    if (outcome.ok) keySets.set(claims.token.jwks, outcome.keys);
    else
      problems.push(
        problemAt(session, ['claims', 'token', 'jwks'], {
          code: 'bad-key-set',
          message: outcome.reason,
          fix: outcome.fix,
        }),
      );
  }
  return { keySets, problems };
}

/** Keys count too: another key makes other pseudonyms, and cached plans hold the old one's. */
function versionOf(
  files: readonly PolicyFile[],
  secrets: ReadonlyMap<string, Buffer>,
  keySets: ReadonlyMap<string, PublicKeySet>,
): string {
  const hash = createHash('sha256');
  const digests = [...secrets].map(([name, key]) => [name, createHash('sha256').update(key).digest('hex')]);
  // Order among files matters not, since nothing may stand in two of them.
  const documents = files.map((file) => canonicalize(file.document) ?? '').sort();
  hash.update(JSON.stringify([documents, digests.sort((a, b) => (a[0]! < b[0]! ? -1 : 1))]));
  if (keySets.size > 0) hash.update(JSON.stringify([...keySets]));
  return hash.digest('hex').slice(0, 16);
}

function claimRule(
  { may, claims, ...entry }: SessionEntry,
  content: PolicyContent,
  keySets: ReadonlyMap<string, PublicKeySet>,
): ClaimRule | undefined {
  if (may === undefined || claims === undefined) return undefined;
  const pooled = entry.pooled === true;
  const roles = new Map(may.map((role) => [role, content.roles.get(role)?.value.purposes ?? []]));
  if (claims === 'settings') return { by: { kind: 'settings' }, may: roles, pooled };
  const { jwks, issuer, audience } = claims.token;
  return {
    by: { kind: 'token', issuer, audience, keys: keySets.get(jwks) ?? { keys: [] } },
    may: roles,
    pooled,
  };
}

function matchersOf(content: PolicyContent, keySets: ReadonlyMap<string, PublicKeySet>): SessionMatcher[] {
  return content.sessions.map((session) => {
    const entry = session.value;
    const purposes = entry.role === undefined ? [] : (content.roles.get(entry.role)?.value.purposes ?? []);
    return {
      entry,
      addresses: addressList(entry),
      rule: {
        place: session.source.placeOf(session.path),
        exempt: entry.exempt === true,
        audit: entry.audit ?? 'statements',
        role: entry.role,
        purpose: entry.role === undefined ? undefined : (entry.purpose ?? purposes[0]),
        claims: claimRule(entry, content, keySets),
      },
    };
  });
}

/** Loads policies from texts. `folder` is where relative key files count from. */
export function loadPolicyTexts(
  texts: readonly PolicyText[],
  options: { readonly name: string; readonly folder: string; readonly environment: Environment },
): LoadOutcome {
  const problems: PolicyProblem[] = [];
  const files: PolicyFile[] = [];
  for (const { file, text } of texts) {
    const read = readYaml(file, text);
    if (!read.ok) {
      problems.push(...read.problems);
      continue;
    }
    const parsed = policyDocumentSchema.safeParse(read.source.value);
    if (parsed.success) files.push({ source: read.source, document: parsed.data });
    else problems.push(...schemaProblems(read.source, policyDocumentSchema, parsed.error));
  }
  const [first, ...others] = files;
  if (problems.length > 0 || first === undefined) {
    const nothing = fileProblem(
      options.folder,
      'there is no policy file here',
      'add a *.yaml file with a policy',
    );
    return { ok: false, problems: problems.length > 0 ? problems : [nothing] };
  }
  const merged = mergeFiles([first, ...others]);
  const read = readSecrets(merged.content, options.folder, options.environment);
  const keys = readKeySets(merged.content, options.folder);
  const all = [...merged.problems, ...checkContent(merged.content), ...read.problems, ...keys.problems];
  if (all.some((problem) => problem.severity === 'error')) return { ok: false, problems: all };
  const matchers = matchersOf(merged.content, keys.keySets);
  return {
    ok: true,
    warnings: all,
    set: {
      name: options.name,
      version: versionOf(files, read.secrets, keys.keySets),
      matchSession: (who) => matchSession(matchers, who),
      alerts: alertRules(merged.content),
      content: merged.content,
      files: files.map(({ source }) => source.file),
      secrets: read.secrets,
    },
  };
}

/** Loads every policy file below a folder. */
export function loadPolicies(folder: string, environment: Environment = process.env): LoadOutcome {
  const texts: PolicyText[] = [];
  try {
    for (const path of policyFiles(folder)) {
      texts.push({ file: join(folder, relative(folder, path)), text: readFileSync(path, 'utf8') });
    }
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unreadable';
    const problem = fileProblem(
      folder,
      `the policies cannot be read (${code})`,
      'correct the path in policies:',
    );
    return { ok: false, problems: [problem] };
  }
  return loadPolicyTexts(texts, { name: basename(resolve(folder)), folder, environment });
}
