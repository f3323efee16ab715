import { defineConfig } from 'prisma/config';

// `prisma generate` connects nowhere, but wants to be told where it would.
export default defineConfig({ schema: 'prisma/schema.prisma', datasource: { url: 'postgres://nowhere' } });
