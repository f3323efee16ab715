/** The console's tables: which columns each has, and the facts as rows of text. It knows no messages. */
import type { Topic } from './command.js';
import type { ConsoleSource, RoleStats } from './source.js';

/** Undefined is NULL. */
export type Row = readonly (string | undefined)[];

interface Table {
  readonly columns: readonly string[];
  rows(source: ConsoleSource): Promise<readonly Row[]>;
}

const HELP: readonly Row[] = [
  ['SHOW STATS', 'statements and rows, by role'],
  ['SHOW TOTALS', 'what /metrics counts: connections, bytes, refusals, audit, catalog, policies'],
  ['SHOW CLIENTS', 'who is connected, in which role, and what the connection does'],
  ['SHOW POLICIES', 'the policies in force, and the databases that they decide about'],
  ['SHOW CONFIG', 'the configuration in force, and where each value came from'],
  ['SHOW VERSION', 'versions of pgveil, Node.js and the database server'],
  ['SHOW HELP', 'this list'],
  ['RELOAD', 'load policies and certificates again; what is in force stays if anything is wrong'],
];

export const tables: Readonly<Record<Topic, Table>> = {
  stats: {
    columns: ['role', 'statements', 'forwarded', 'rewritten', 'denied', 'observed', 'rows'],
    rows: async (source) => (await source.stats()).roles.map(roleRow),
  },
  totals: {
    columns: ['name', 'labels', 'value'],
    rows: async (source) =>
      (await source.stats()).totals.map(({ name, labels, value }) => [name, labels, number(value)]),
  },
  clients: {
    columns: [
      'id',
      'user',
      'database',
      'role',
      'purpose',
      'exempt',
      'address',
      'port',
      'state',
      'connected_since',
      'application_name',
      'client_tls',
      'upstream_tls',
      'statements',
      'worker',
    ],
    rows: async (source) =>
      (await source.clients()).map((client) => [
        client.id,
        client.user,
        client.database,
        client.role,
        client.purpose,
        client.exempt === undefined ? undefined : String(client.exempt),
        client.address,
        number(client.port),
        client.state,
        client.connectedSince,
        client.applicationName,
        client.clientTls,
        client.upstreamTls,
        number(client.statements),
        number(client.worker),
      ]),
  },
  policies: {
    columns: [
      'name',
      'version',
      'mode',
      'loaded_at',
      'files',
      'roles',
      'warnings',
      'overdue_reviews',
      'databases',
      'unfit_databases',
    ],
    rows: async (source) =>
      (await source.policies()).map((policy) => [
        policy.name,
        policy.version,
        policy.mode,
        policy.loadedAt,
        policy.files.join(', '),
        policy.roles.join(', '),
        number(policy.warnings),
        policy.overdueReviews.join(', '),
        policy.databases.join(', '),
        policy.unfit.join(', '),
      ]),
  },
  config: {
    columns: ['name', 'value', 'origin'],
    rows: async (source) => (await source.config()).map(({ name, value, origin }) => [name, value, origin]),
  },
  version: {
    columns: ['pgveil', 'node', 'postgresql'],
    rows: async (source) => {
      const { pgveil, node, postgresql } = await source.version();
      return [[pgveil, node, postgresql]];
    },
  },
  help: { columns: ['command', 'shows'], rows: () => Promise.resolve(HELP) },
};

function roleRow({ role, forwarded, rewritten, denied, observed, rows }: RoleStats): Row {
  const statements = forwarded + rewritten + denied + observed;
  const counts = [statements, forwarded, rewritten, denied, observed, rows].map(number);
  return [role === '' ? undefined : role, ...counts];
}

function number(value: number): string {
  return String(Number.isInteger(value) ? value : Number(value.toPrecision(6)));
}
