/** Clients whose drivers come from npm; test/clients/npm has a lock file of its own for them. */
import type { Client } from './client.js';

const names = [
  'pg',
  'postgres',
  'pg-promise',
  'knex',
  'kysely',
  'drizzle',
  'sequelize',
  'typeorm',
  'prisma',
] as const;

export const npmClients: readonly Client[] = names.map((name) => ({
  name,
  family: 'npm',
  command: [process.execPath, `test/clients/npm/${name}.mjs`],
  needs: { npm: true },
  ci: true,
}));
