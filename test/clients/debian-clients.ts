/** Clients whose drivers Debian packages. */
import type { Client } from './client.js';

// Debian's own interpreter has Debian's drivers; another one on the PATH may not.
const python = (name: string, needs: string): Client => ({
  name,
  family: 'python',
  command: ['/usr/bin/python3', `test/clients/python/${name}_client.py`],
  needs: { debian: ['python3', needs] },
  ci: true,
});

export const debianClients: readonly Client[] = [
  {
    name: 'psql',
    family: 'psql',
    command: ['bash', 'test/clients/psql/psql.bash'],
    needs: { debian: ['postgresql-client', 'openssl'] },
    ci: true,
  },
  {
    name: 'pgbench',
    family: 'psql',
    command: ['bash', 'test/clients/psql/pgbench.bash'],
    needs: { debian: ['postgresql-client', 'postgresql-15'] },
    ci: true,
  },
  python('psycopg2', 'python3-psycopg2'),
  python('psycopg3', 'python3-psycopg'),
  python('asyncpg', 'python3-asyncpg'),
];
