/** Clients whose drivers Debian packages. */
import type { Client } from './client.js';

// Debian's own interpreter has Debian's drivers; another one on the PATH may not. -B: no __pycache__ in the checkout.
const python = (name: string, ...packages: readonly string[]): Client => ({
  name: name.replace('_', '+'),
  family: 'python',
  command: ['/usr/bin/python3', '-B', `test/clients/python/${name}_client.py`],
  needs: { debian: ['python3', ...packages] },
  ci: true,
});

export const debianClients: readonly Client[] = [
  {
    name: 'psql',
    family: 'psql',
    command: ['bash', 'test/clients/psql/psql.bash'],
    needs: { debian: ['postgresql-client'] },
    ci: true,
  },
  {
    name: 'pgbench',
    family: 'psql',
    command: ['bash', 'test/clients/psql/pgbench.bash'],
    // Debian packages it with the server.
    needs: { debian: ['postgresql-client', 'postgresql'] },
    ci: true,
  },
  python('psycopg2', 'python3-psycopg2'),
  python('psycopg3', 'python3-psycopg'),
  python('asyncpg', 'python3-asyncpg'),
  python('sqlalchemy', 'python3-sqlalchemy', 'python3-psycopg2'),
  python('sqlalchemy_asyncpg', 'python3-sqlalchemy', 'python3-asyncpg'),
  {
    name: 'psql+libpq18',
    family: 'psql',
    command: ['bash', 'test/clients/psql/with-libpq18.bash', 'bash', 'test/clients/psql/psql.bash'],
    needs: { debian: ['postgresql-client'] },
    ci: true,
  },
  {
    name: 'psycopg3+libpq18',
    family: 'python',
    command: [
      'bash',
      'test/clients/psql/with-libpq18.bash',
      '/usr/bin/python3',
      '-B',
      'test/clients/python/psycopg3_client.py',
    ],
    needs: { debian: ['python3', 'python3-psycopg'] },
    ci: true,
  },
  {
    name: 'odbc',
    family: 'odbc',
    command: ['/usr/bin/python3', '-B', 'test/clients/odbc/odbc_client.py'],
    needs: { debian: ['python3', 'python3-pyodbc', 'odbc-postgresql'] },
    ci: true,
  },
  {
    name: 'pgjdbc',
    family: 'java',
    // Launched from its source. What is compiled lives for seconds, so the first compiler is quickest.
    command: [
      'java',
      '-XX:TieredStopAtLevel=1',
      '-cp',
      '/usr/share/java/postgresql.jar',
      'test/clients/java/PgJdbc.java',
    ],
    needs: { debian: ['default-jdk-headless', 'libpostgresql-jdbc-java'] },
    ci: true,
  },
  {
    name: 'ruby-pg',
    family: 'ruby',
    command: ['ruby', 'test/clients/ruby/pg_client.rb'],
    needs: { debian: ['ruby', 'ruby-pg'] },
    ci: true,
  },
  {
    name: 'activerecord',
    family: 'ruby',
    command: ['ruby', 'test/clients/ruby/activerecord_client.rb'],
    needs: { debian: ['ruby', 'ruby-activerecord', 'ruby-pg'] },
    ci: true,
  },
  {
    name: 'pdo',
    family: 'php',
    command: ['php', 'test/clients/php/pdo.php'],
    needs: { debian: ['php-cli', 'php-pgsql'] },
    ci: true,
  },
  {
    name: 'dbd-pg',
    family: 'perl',
    command: ['perl', 'test/clients/perl/dbd_pg.pl'],
    needs: { debian: ['perl', 'libdbd-pg-perl'] },
    ci: true,
  },
];
