// Import rules of DESIGN 2. The folders follow the way of a statement; each rule says what to do instead.

/** A station may import only these; everything else of ours is out of its sight. */
const only = (from, allowed, comment) => ({
  name: `${from}-sees-only-${allowed.length === 0 ? 'itself' : allowed.join('-')}`,
  comment,
  severity: 'error',
  from: { path: `^src/${from}/` },
  to: { path: '^src/', pathNot: [from, ...allowed].map((each) => `^src/${each}/`) },
});

/** A package is used behind one door. */
const behind = (name, packages, doors, comment) => ({
  name,
  comment,
  severity: 'error',
  from: { path: '^src/', pathNot: doors },
  to: { path: packages.map((each) => `^(node_modules/)?${each}(/|$)`) },
});

export default {
  forbidden: [
    {
      name: 'no-circular',
      comment:
        'Two files that need each other are one idea, or hide a third: move what both need into its own file.',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    only('wire', [], 'The wire knows bytes and messages. Give it data, or put the logic into the session.'),
    only('sql', [], 'The sql station knows the grammar alone. Names belong to resolve, decisions to policy.'),
    only('catalog', [], 'The catalog is facts of the database. What they mean is said in resolve or policy.'),
    only('resolve', ['sql', 'catalog'], 'Resolution decides nothing: pass its result to policy and rewrite.'),
    only(
      'policy',
      ['sql', 'catalog', 'resolve'],
      'A decision is data: turn it into SQL in rewrite, into a plan in enforce.',
    ),
    only(
      'rewrite',
      ['sql', 'catalog', 'resolve', 'policy', 'errors'],
      'A rewrite carries decisions out: refuse in enforce.',
    ),
    only(
      'enforce',
      ['sql', 'catalog', 'resolve', 'policy', 'rewrite', 'errors'],
      'enforce() is pure: it meets no socket, no file, no Redis. Wire such things up in app.',
    ),
    only('guard', ['wire', 'enforce', 'errors'], 'The guard sees messages and the plan that they belong to.'),
    only(
      'audit',
      ['wire', 'enforce', 'errors', 'policy'],
      'The audit is told what happened through its port.',
    ),
    {
      name: 'audit-policy-types-only',
      comment:
        'The audit may name the types of alert rules, and ask whether a minute lies in their hours; app hands it the rules in force.',
      severity: 'error',
      from: { path: '^src/audit/' },
      to: { path: '^src/policy/', pathNot: '^src/policy/week-hours', dependencyTypesNot: ['type-only'] },
    },
    only(
      'session',
      ['wire', 'enforce', 'guard', 'audit', 'errors', 'policy', 'catalog', 'resolve'],
      'The session gets all else through its ports.',
    ),
    only('observe', [], 'Metrics and logs are told; they ask nobody. Give them functions.'),
    only('config', ['policy'], 'The configuration is data.'),
    only('errors', ['enforce'], 'The error table is a leaf; it may name the refusal codes.'),
    {
      name: 'app-and-cli-are-on-top',
      comment: 'Nothing below may know how it is started: pass what it needs as an argument.',
      severity: 'error',
      from: { path: '^src/(?!cli/|app)' },
      to: { path: '^src/(cli/|app)' },
    },
    {
      name: 'session-types-only-below',
      comment: 'The session may name the types of policy and catalog; it asks them through its ports.',
      severity: 'error',
      from: { path: '^src/session/' },
      to: { path: '^src/(policy|catalog|resolve)/', dependencyTypesNot: ['type-only'] },
    },
    behind(
      'sockets-in-session',
      ['net', 'tls', 'node:net', 'node:tls'],
      ['^src/session/', '^src/policy/session-match', '^src/audit/event', '^src/app', '^src/cli/'],
      'Only the session opens sockets (others may tell an address from a name with net.isIP, app and cli try a port).',
    ),
    behind(
      'processes-in-app',
      ['cluster', 'node:cluster', 'child_process', 'node:child_process'],
      ['^src/app/workers/', '^src/cli/'],
      'Only app/workers starts processes of pgveil (and the command line those of other programs); below, ask through a port.',
    ),
    behind(
      'parser-in-sql',
      ['libpg-query'],
      ['^src/sql/parse'],
      'Only sql/parse* touches the WASM parser: its containment is there.',
    ),
    behind('redis-in-audit', ['ioredis'], ['^src/audit/redis'], 'Only audit/redis.ts speaks to Redis.'),
    behind(
      'logs-and-metrics-in-observe',
      ['pino', 'prom-client'],
      ['^src/observe/'],
      'Only observe knows pino and prom-client.',
    ),
    behind(
      'pg-in-catalog',
      ['pg'],
      ['^src/catalog/', '^src/cli/', '^src/app'],
      'Only the catalog (and commands that run SQL for people) opens database connections.',
    ),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'types'] },
  },
};
