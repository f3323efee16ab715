// `npm run soak:noninterference -- --statements 20000 --seed N`: the test of that name, for longer.
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    statements: { type: 'string', default: '20000' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000_000) },
  },
});
process.stderr.write(
  `seed ${values.seed}, ${values.statements} statements on each version, half of them as each role\n`,
);
const { status } = spawnSync('npx', ['vitest', 'run', 'test/integration/noninterference.test.ts'], {
  stdio: 'inherit',
  env: { ...process.env, PGVEIL_SOAK_STATEMENTS: values.statements, PGVEIL_SOAK_SEED: values.seed },
});
process.exit(status ?? 1);
