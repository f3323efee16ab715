// `npm run soak:wire -- --cases 5000 --seed N --seconds S`: the test of that name, for longer.
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    cases: { type: 'string', default: '5000' },
    seconds: { type: 'string', default: '1800' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000_000) },
  },
});
process.stderr.write(`seed ${values.seed}, ${values.cases} conversations, at most ${values.seconds} s\n`);
const { status } = spawnSync('npx', ['vitest', 'run', 'test/integration/hostile/soak.test.ts'], {
  stdio: 'inherit',
  env: {
    ...process.env,
    PGVEIL_SOAK_CASES: values.cases,
    PGVEIL_SOAK_SEED: values.seed,
    PGVEIL_SOAK_SECONDS: values.seconds,
  },
});
process.exit(status ?? 1);
