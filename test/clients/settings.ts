/** The settings that each client runs in: who it is, over what, and what its program is told of that. */

export interface Setting {
  readonly name: string;
  /** One or two letters, for the table. */
  readonly short: string;
  /** Straight to PostgreSQL: what fails there is the driver's or the program's own fault. */
  readonly direct: boolean;
  readonly role: 'exempt' | 'governed';
  readonly transport: 'plain' | 'tls';
}

export const settings: readonly Setting[] = [
  { name: 'direct', short: 'D', direct: true, role: 'exempt', transport: 'tls' },
  { name: 'exempt plain', short: 'EP', direct: false, role: 'exempt', transport: 'plain' },
  { name: 'exempt TLS', short: 'ET', direct: false, role: 'exempt', transport: 'tls' },
  { name: 'governed plain', short: 'GP', direct: false, role: 'governed', transport: 'plain' },
  { name: 'governed TLS', short: 'GT', direct: false, role: 'governed', transport: 'tls' },
];

/** The log-ins of the sample CRM; marketing is the one whose rows depend on consent. */
export const logins = {
  exempt: { user: 'crm_admin', password: 'admin' },
  governed: { user: 'crm_marketing', password: 'marketing' },
} as const;

/** Where a setting connects to. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
  /** The file of the CA that signed the certificate of whoever listens there. */
  readonly ca?: string;
}

export interface ClientEnvironment {
  readonly setting: Setting;
  readonly endpoint: Endpoint;
  readonly database: string;
  readonly serverMajor: number;
  /** Nothing of the caller's .pgpass, .psqlrc or .pg_service.conf may take part. */
  readonly home: string;
}

/** What a program is told. Of our own environment it gets the PATH alone, so that no PG* variable of the caller's reaches it. */
export function environmentOf(where: ClientEnvironment): Record<string, string> {
  const { setting, endpoint } = where;
  const login = logins[setting.role];
  const tls = setting.transport === 'tls';
  return {
    PATH: process.env['PATH'] ?? '/usr/bin:/bin',
    HOME: where.home,
    TMPDIR: where.home,
    LANG: 'C.UTF-8',
    PGHOST: endpoint.host,
    PGPORT: String(endpoint.port),
    PGUSER: login.user,
    PGPASSWORD: login.password,
    PGDATABASE: where.database,
    PGSSLMODE: tls ? 'verify-full' : 'disable',
    PGCHANNELBINDING: tls ? 'require' : 'disable',
    ...(endpoint.ca === undefined ? {} : { PGSSLROOTCERT: endpoint.ca }),
    PGVEIL_ROLE: setting.role,
    PGVEIL_SERVER_MAJOR: String(where.serverMajor),
  };
}
