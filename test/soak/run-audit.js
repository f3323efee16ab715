// `npm run soak:audit -- --minutes N --seed N --faults a,b --durability strict|relaxed --workers N`: the test of that
// name, for longer. The table it prints at the end, and the exit code, say what was lost.
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000_000) },
    faults: { type: 'string', default: '' },
    durability: { type: 'string', default: 'strict' },
    workers: { type: 'string', default: '2' },
  },
});
if (!['strict', 'relaxed'].includes(values.durability)) {
  process.stderr.write(`--durability is strict or relaxed, not "${values.durability}"\n`);
  process.exit(2);
}
process.stderr.write(
  `seed ${values.seed}, ${values.minutes} minutes, ${values.durability}, workers ${values.workers}\n`,
);
const { status } = spawnSync('npx', ['vitest', 'run', 'test/integration/audit/soak.test.ts'], {
  stdio: 'inherit',
  env: {
    ...process.env,
    PGVEIL_SOAK_MINUTES: values.minutes,
    PGVEIL_SOAK_SEED: values.seed,
    PGVEIL_SOAK_FAULTS: values.faults,
    PGVEIL_SOAK_DURABILITY: values.durability,
    PGVEIL_SOAK_WORKERS: values.workers,
  },
});
process.exit(status ?? 1);
