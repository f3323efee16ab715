/**
 * Enforcement on a real server without the wire: plans a statement for a role, runs the plan's SQL as that role's login,
 * and gives the rows or the refusal. The wire's own tests prove that the session does the same.
 */
import type pg from 'pg';
import { loadCatalog } from '../../src/catalog/load.js';
import type { Catalog } from '../../src/catalog/types.js';
import { createPlanner } from '../../src/enforce/planner.js';
import type { Planner, QueryPlan, SessionFacts } from '../../src/enforce/types.js';
import { viewDecisions } from '../../src/enforce/view-decision.js';
import { bindPolicy } from '../../src/policy/bind.js';
import { loadPolicyTexts } from '../../src/policy/load.js';
import type { BoundPolicy } from '../../src/policy/types.js';
import { defaultSqlLimits } from '../../src/sql/limits.js';
import { openParser, type Parser } from '../../src/sql/parse.js';
import { textParser } from '../../src/sql/parse-text.js';
import { look } from './canary-tap.js';
import { createDatabase, type TestDatabase } from './databases.js';

/** A policy over fixtures/crm.sql that uses most of the language. */
export const crmPolicy = `
version: 1
mode: enforce
unlabelled: clear
unlisted_tables: allow
labels:
  contact.email: { columns: [public.customers.email, public.leads.email] }
  contact.phone: [public.customers.phone]
  identity.name: [public.customers.first_name, public.customers.last_name]
  identity.birth_date: [public.customers.birth_date]
  payment.card: [public.payments.card_number]
  free_text: [public.customers.notes, public.customers.profile, public.tickets.subject]
subjects:
  public.customers: { key: id }
  public.orders: { key: customer_id }
  public.order_items: { through: order_id, to: public.orders.id }
  public.payments: { key: customer_id }
  public.tickets: { key: customer_id }
masks:
  email_partial: { kind: email }
  last4: { kind: partial, keep_last: 4, with: "*" }
  year: { kind: date_trunc, to: year }
consent:
  source: public.consents
  subject: customer_id
  purpose: purpose
  status: status
  given: [given, renewed]
  recorded_at: recorded_at
  expires_at: expires_at
purposes:
  support: { legal_basis: contract }
  marketing: { legal_basis: consent, consent: marketing_email }
  calls: { legal_basis: consent, when: "NOT customers.do_not_call" }
  sale: { legal_basis: opt_out, consent: do_not_sell }
  legal_claims: { legal_basis: legal_obligation }
restricted:
  when: "customers.restricted_at IS NOT NULL"
  except: [legal_claims]
retention:
  public.leads: { column: created_at, keep: 24 months }
roles:
  support:
    purposes: [support, legal_claims]
    masks: { contact.email: email_partial, contact.phone: last4, identity.name: clear, payment.card: deny, "*": redact }
  marketing:
    purposes: [marketing, calls, sale]
    masks: { identity.name: clear, contact.email: email_partial, identity.birth_date: year, payment.card: deny, "*": redact }
sessions:
  - { user: crm_admin, exempt: true }
  - { user: crm_support, role: support, purpose: support }
  - { user: crm_marketing, role: marketing, purpose: marketing }
`;

export interface Governed {
  readonly db: TestDatabase;
  readonly catalog: Catalog;
  readonly policy: BoundPolicy;
  readonly planner: Planner;
  session(role: 'support' | 'marketing', facts?: Partial<SessionFacts>): SessionFacts;
  plan(sql: string, session: SessionFacts): Promise<QueryPlan>;
  /** Runs the plan; a refusal comes back as its message. */
  run(
    sql: string,
    session: SessionFacts,
    values?: readonly unknown[],
    rowMode?: 'array',
  ): Promise<pg.QueryResult>;
  /** The login's own connection, past enforcement: what is stored really. */
  raw(sql: string, role: 'support' | 'marketing'): Promise<pg.QueryResult>;
  /** Reads the catalog and binds the policy again, after DDL. */
  refresh(): Promise<void>;
  close(): Promise<void>;
}

/** A refused statement, as a test sees it. */
export class Refused extends Error {
  readonly code: string;
  readonly rule: string;
  constructor(message: string, code: string, rule: string) {
    super(message);
    this.code = code;
    this.rule = rule;
  }
}

export async function governed(
  version: 15 | 18,
  options: { readonly policy?: string; readonly setup?: string } = {},
): Promise<Governed> {
  const db = await createDatabase(version, { fixture: 'fixtures/crm.sql' });
  if (options.setup !== undefined) await db.query(options.setup, 'crm_admin');
  const parser = await openParser();
  const catalogClient = await db.connect('pgveil_catalog');
  let catalog = await loadCatalog(catalogClient);
  let policy = boundPolicy(options.policy ?? crmPolicy, catalog, parser);
  const planner = createPlanner({ parser, limits: defaultSqlLimits });
  const clients = {
    support: await db.connect('crm_support'),
    marketing: await db.connect('crm_marketing'),
  };
  const plan: Governed['plan'] = async (sql, session) =>
    planner.plan(Buffer.from(sql, 'utf8'), session, { catalog, policy });
  return {
    db,
    get catalog() {
      return catalog;
    },
    get policy() {
      return policy;
    },
    planner,
    async refresh() {
      catalog = await loadCatalog(catalogClient);
      policy = boundPolicy(options.policy ?? crmPolicy, catalog, parser);
    },
    session: (role, facts = {}) => ({
      user: `crm_${role}`,
      database: db.name,
      role,
      purpose: role,
      actor: new Map(),
      searchPath: ['public'],
      ...facts,
    }),
    plan,
    raw: (sql, role) => clients[role].query(sql),
    async run(sql, session, values, rowMode) {
      const { plans } = await plan(sql, session);
      const texts = plans.map((each) => {
        if (each.kind === 'refuse') {
          throw new Refused(each.refusal.message, each.refusal.code, each.refusal.rule);
        }
        return Buffer.from(each.sql, 'latin1').toString('utf8');
      });
      const client = clients[session.role as 'support' | 'marketing'];
      const result = await client.query({
        text: texts.join(';'),
        ...(values === undefined ? {} : { values: [...values] }),
        ...(rowMode === undefined ? {} : { rowMode }),
      } as pg.QueryConfig);
      look(session.user, JSON.stringify(result), sql + JSON.stringify(values ?? []));
      return result;
    },
    async close() {
      await parser.close();
      await db.drop();
    },
  };
}

export function boundPolicy(text: string, catalog: Catalog, parser: Parser): BoundPolicy {
  const loaded = loadPolicyTexts([{ file: 'test.yaml', text }], {
    name: 'test',
    folder: '.',
    environment: {},
  });
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems, null, 2));
  const bound = bindPolicy(loaded.set, catalog, {
    parser: textParser(parser),
    views: viewDecisions(catalog, parser),
  });
  if (!bound.ok) throw new Error(JSON.stringify(bound.problems, null, 2));
  return bound.policy;
}
