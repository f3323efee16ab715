/** `pgveil demo`: the whole of pgveil on a real PostgreSQL and Redis, in one minute (SPEC 8). */
import type { Register } from './register.js';

export const registerDemo: Register = (program, io, done) => {
  program
    .command('demo')
    .description(
      'show pgveil at work on a sample CRM: PostgreSQL, Redis and the proxy, started and removed again',
    )
    .option('--once', 'end by itself after checking what was shown, with exit code 0 when all of it was true')
    .addHelpText('after', '\nPorts: 6432 and 9188, or PGVEIL_LISTEN_PORT and PGVEIL_ADMIN_PORT.')
    .action(async (options: { readonly once?: boolean }) => {
      const { runDemo } = await import('../demo/run.js');
      done(await runDemo(io, options.once === true));
    });
};
