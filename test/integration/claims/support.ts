/** A policy whose sessions claim, keys to sign tokens with, and scripts of statements with what each gives. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey } from 'jose';
import type pg from 'pg';

export interface PolicyFolder {
  readonly path: string;
  /** Writes the policy again, with the sessions that are given. */
  write(sessions: readonly string[]): void;
  remove(): void;
}

export const bySettings = '{ user: crm_support, may: [agent, seller, regional, counted], claims: settings }';
export const byToken =
  '{ user: crm_marketing, may: [agent, seller, regional], claims: { token: { jwks: keys.json, issuer: "https://sso.test", audience: crm } } }';

/** Each role sees another mask of the address; seller has two purposes, regional sees the tickets of its region. */
export function policyText(sessions: readonly string[]): string {
  return `version: 1
mode: enforce
unlabelled: clear
unlisted_tables: allow
labels:
  email: [public.customers.email]
  note: [public.customers.notes]
  rank: [public.tickets.subject]
subjects:
  public.customers: { key: id }
  public.tickets: { key: customer_id }
masks:
  as_agent: { kind: constant, value: agent }
  as_seller: { kind: constant, value: seller }
consent:
  { source: public.consents, subject: customer_id, purpose: purpose, status: status, given: [given, renewed], recorded_at: recorded_at, expires_at: expires_at }
purposes:
  support: { legal_basis: contract }
  marketing: { legal_basis: consent, consent: marketing_email }
  billing: { legal_basis: contract }
roles:
  agent: { purposes: [support], masks: { email: as_agent, note: redact, rank: redact } }
  seller: { purposes: [marketing, billing], masks: { email: as_seller, '*': redact } }
  regional:
    purposes: [support]
    masks: { '*': redact }
    rows: { public.tickets: 'region = {actor.region}', public.orders: 'id > {actor.above}' }
  counted: { purposes: [support], masks: { '*': redact }, limits: { rows_per_statement: 2 } }
sessions:
  - { user: crm_admin, exempt: true }
${sessions.map((session) => `  - ${session}\n`).join('')}`;
}

export function policyFolder(sessions: readonly string[], keys: object = { keys: [] }): PolicyFolder {
  const path = mkdtempSync(join(tmpdir(), 'pgveil-claims-'));
  const write = (now: readonly string[]): void => writeFileSync(join(path, 'crm.yaml'), policyText(now));
  writeFileSync(join(path, 'keys.json'), JSON.stringify(keys));
  write(sessions);
  return { path, write, remove: () => rmSync(path, { recursive: true, force: true }) };
}

export interface Issuer {
  /** For keys.json. */
  readonly keys: object;
  sign(
    claims: object,
    how?: {
      readonly exp?: number;
      readonly nbf?: number;
      readonly issuer?: string;
      readonly audience?: string;
    },
  ): Promise<string>;
}

export async function issuer(kid = 'one'): Promise<Issuer> {
  const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true });
  return {
    keys: { keys: [{ ...(await exportJWK(publicKey)), kid, alg: 'ES256' }] },
    sign: signer(privateKey, kid),
  };
}

function signer(key: CryptoKey, kid: string): Issuer['sign'] {
  return (
    claims,
    { exp = Math.floor(Date.now() / 1000) + 300, nbf, issuer = 'https://sso.test', audience = 'crm' } = {},
  ) => {
    const token = new SignJWT({ ...claims })
      .setProtectedHeader({ alg: 'ES256', kid })
      .setIssuer(issuer)
      .setAudience(audience)
      .setExpirationTime(exp);
    return (nbf === undefined ? token : token.setNotBefore(nbf)).sign(key);
  };
}

/** One row tells who acts. */
export const WHO = 'SELECT email FROM customers WHERE id = 1';
export const AGENT = '"agent"';
export const SELLER = '"seller"';
export const REGIONAL = '"***"';
/** The claim is missing or refused. */
export const NO = '42501';

export type Protocol = 'simple' | 'extended';

/** pg's types know neither queryMode nor several results. */
export function ask(client: pg.Client, query: object): Promise<unknown> {
  return (client.query.bind(client) as unknown as (query: object) => Promise<unknown>)(query);
}

/** The SQLSTATE of an error, or the values of all rows, or else the command. */
export async function tell(client: pg.Client, text: string, protocol: Protocol): Promise<string> {
  try {
    const query =
      protocol === 'simple' ? { text, rowMode: 'array' } : { text, rowMode: 'array', queryMode: 'extended' };
    const answer = await ask(client, query);
    const last = (Array.isArray(answer) ? answer.at(-1) : answer) as pg.QueryArrayResult;
    if (last.fields.length === 0) return last.command;
    return last.rows.map((row) => JSON.stringify(row).slice(1, -1)).join(' ');
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
}
