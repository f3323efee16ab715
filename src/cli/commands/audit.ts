/** `pgveil audit`: follows the events in the Redis stream (`tail`), and what else reads the log. */
import { CommandFailure, EXIT, reasonOf, type ExitCode } from '../exit.js';
import type { Io } from '../io.js';
import { configOption, loadCommandConfig } from '../config-file.js';
import { registerReport } from './audit-report.js';
import { registerSubject } from './audit-subject.js';
import { registerVerify } from './audit-verify.js';
import type { Register } from './register.js';

interface TailOptions {
  readonly config: string | undefined;
  readonly from: string;
  readonly format: 'text' | 'json';
}

export const registerAudit: Register = (program, io, done) => {
  const audit = program.command('audit').description('read the audit log');
  audit
    .command('tail')
    .description('follow the audit events in the Redis stream until Ctrl-C')
    .option('--from <id>', '"$" from now on, "0" from the start, or the id of the last entry seen', '$')
    .addOption(configOption())
    .addOption(
      program
        .createOption('--format <format>', 'text, or json with one event a line')
        .choices(['text', 'json'])
        .default('text'),
    )
    .action(async (options: TailOptions) => {
      done(await tail(io, options));
    });
  registerVerify(audit, io, done);
  registerReport(audit, io, done);
  registerSubject(audit, io, done);
};

async function tail(io: Io, options: TailOptions): Promise<ExitCode> {
  const { audit } = await loadCommandConfig(options.config);
  if (audit.redis === undefined) {
    throw new CommandFailure(EXIT.config, 'audit.redis is not set, so there is no stream to follow', {
      fix: `set audit.redis, or read the spool in ${audit.spool}`,
    });
  }
  const { formatEvent } = await import('../../audit/format.js');
  const { tailStream } = await import('../../audit/tail.js');
  const stopping = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      stopping.abort();
    });
  }
  const color = io.colours.isColorSupported;
  try {
    await tailStream(
      {
        target: audit.redis,
        stream: audit.stream,
        from: options.from,
        signal: stopping.signal,
        onWarning: (message) => {
          io.err(`${io.errColours.yellow('warning:')} ${message}\n`);
        },
      },
      ({ json, event }) => {
        io.out(`${options.format === 'json' ? json : formatEvent(event, { color })}\n`);
      },
    );
  } catch (error) {
    throw new CommandFailure(EXIT.findings, `cannot read the audit stream: ${reasonOf(error)}`, {
      cause: error,
      fix: 'check that Redis runs and that audit.redis names its address, user and password',
    });
  }
  return EXIT.fine;
}
