/** `pgveil explain`: what the proxy would do with a statement, from the proxy's own planner. */
import { InvalidArgumentError } from 'commander';
import { CommandFailure, EXIT, type ExitCode } from '../exit.js';
import { explanationAsJson, explanationAsText } from '../explain/explanation.js';
import type { Io } from '../io.js';
import { configOption, loadCommandConfig } from '../config-file.js';
import type { Register } from './register.js';

interface Options {
  readonly config: string | undefined;
  readonly role: string;
  readonly purpose: string | undefined;
  readonly actor: ReadonlyMap<string, string> | undefined;
  readonly user: string | undefined;
  readonly database: string | undefined;
  readonly format: 'text' | 'json';
}

export const registerExplain: Register = (program, io, done) => {
  program
    .command('explain')
    .description(
      'show the decision on a statement, the rules behind it, the rewritten SQL and each output column',
    )
    .argument('<sql>', 'the statement; "-" reads it from standard input')
    .requiredOption('--role <role>', 'the role of the policy that asks')
    .option('--purpose <purpose>', 'its purpose; may be left out when the role has only one')
    .option('--actor <k=v>', 'an attribute of the actor; repeatable', collectAttribute)
    .option('--user <user>', 'the PostgreSQL user')
    .option('--database <name>', 'the database; that of catalog.url when absent')
    .addOption(configOption())
    .addOption(
      program.createOption('--format <format>', 'text or json').choices(['text', 'json']).default('text'),
    )
    .action(async (sql: string, options: Options) => {
      done(await explain(io, sql, options));
    });
};

async function explain(io: Io, argument: string, options: Options): Promise<ExitCode> {
  const { openWorkshop } = await import('../workshop.js');
  const workshop = await openWorkshop(await loadCommandConfig(options.config));
  try {
    const { context, searchPath } = await workshop.bound(options.database);
    const role = context.policy.roles.get(options.role);
    if (role === undefined) {
      throw new CommandFailure(EXIT.usage, `the policy has no role "${options.role}"`, {
        fix: `use one of ${[...context.policy.roles.keys()].join(', ')}`,
      });
    }
    const purpose = options.purpose ?? (role.purposes.length === 1 ? role.purposes[0] : undefined);
    if (purpose === undefined || !role.purposes.includes(purpose)) {
      const what = purpose === undefined ? 'has several purposes' : `has no purpose "${purpose}"`;
      throw new CommandFailure(EXIT.usage, `role "${options.role}" ${what}`, {
        fix: `add --purpose with one of ${role.purposes.join(', ')}`,
      });
    }
    const sql = argument === '-' ? await standardInput() : argument;
    const query = await workshop.planner.plan(
      Buffer.from(sql),
      {
        user: options.user ?? 'explain',
        database: context.catalog.database,
        role: options.role,
        purpose,
        actor: options.actor ?? new Map(),
        searchPath,
      },
      context,
    );
    if (options.format === 'json') {
      io.out(`${JSON.stringify(explanationAsJson(query, { role: options.role, purpose }), null, 2)}\n`);
    } else {
      io.out(explanationAsText(query, io.colours));
    }
    return query.plans.some((plan) => plan.kind === 'refuse') ? EXIT.findings : EXIT.fine;
  } finally {
    await workshop.close();
  }
}

function collectAttribute(
  text: string,
  before: ReadonlyMap<string, string> | undefined,
): Map<string, string> {
  const at = text.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('write it as name=value');
  return new Map(before).set(text.slice(0, at), text.slice(at + 1));
}

async function standardInput(): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
