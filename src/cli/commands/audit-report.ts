/** `pgveil audit report`: what happened in a period, as evidence for an auditor or a notification. */
import { InvalidArgumentError, type Command } from 'commander';
import { auditSource, withSourceOptions, type SourceOptions } from '../audit-source.js';
import { CommandFailure, EXIT, reasonOf, type ExitCode } from '../exit.js';
import type { Io } from '../io.js';
import { showProgress } from '../progress.js';
import { publicKeys } from '../public-keys.js';

interface ReportCommandOptions extends SourceOptions {
  readonly publicKey: readonly string[];
  readonly actor: string | undefined;
  readonly role: string | undefined;
  readonly top: number;
  readonly breach: boolean;
  readonly format: 'md' | 'json';
}

export function registerReport(audit: Command, io: Io, done: (code: ExitCode) => void): void {
  withSourceOptions(audit.command('report'))
    .description('an evidence report for a period: accesses, refusals, policies, integrity, exposure')
    .option('--actor <login>', 'count only what this login did')
    .option('--role <role>', 'count only what was done in this role')
    .option('--top <number>', 'how many actors are told one by one', atLeastOne, 20)
    .option('--breach', 'list in the JSON the HMAC of each data subject that could have been exposed', false)
    .option(
      '--public-key <file>',
      'check checkpoints with this key; may be given more than once (default: the configured key)',
      (file: string, files: readonly string[]) => [...files, file],
      [] as readonly string[],
    )
    .addOption(
      audit.createOption('--format <format>', 'Markdown, or json').choices(['md', 'json']).default('md'),
    )
    .action(async (options: ReportCommandOptions) => {
      done(await report(io, options));
    });
}

async function report(io: Io, options: ReportCommandOptions): Promise<ExitCode> {
  const { from, since, until, config, name } = await auditSource(options);
  const keys = publicKeys(options.publicKey, config);
  const { makeReport } = await import('../../audit/report/make-report.js');
  const progress = showProgress(io, 'events read');
  let made;
  try {
    made = await makeReport({
      from,
      since,
      until,
      keys,
      actor: options.actor,
      role: options.role,
      source: name,
      top: options.top,
      breach: options.breach,
      onProgress: progress.update,
    });
  } catch (error) {
    throw new CommandFailure(EXIT.findings, `there is no report: ${reasonOf(error)}`, {
      cause: error,
      fix: 'check the address or the folder, and that it may be read; then ask again',
    });
  } finally {
    progress.end();
  }
  if (options.format === 'json') io.out(`${JSON.stringify(made, undefined, 2)}\n`);
  else {
    const { markdownReport } = await import('../../audit/report/markdown.js');
    io.out(markdownReport(made));
  }
  return made.integrity.result === 'problems' ? EXIT.findings : EXIT.fine;
}

function atLeastOne(text: string): number {
  const number = /^\d{1,6}$/.test(text) ? Number(text) : 0;
  if (number < 1) throw new InvalidArgumentError('write a whole number from 1 on.');
  return number;
}
