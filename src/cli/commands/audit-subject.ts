/** `pgveil audit subject KEY`: who saw one person's data, when, for what purpose and on what legal ground. */
import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { auditSource, withSourceOptions, type SourceOptions } from '../audit-source.js';
import { CommandFailure, EXIT, reasonOf, type ExitCode } from '../exit.js';
import type { Io } from '../io.js';
import { subjectAnswerText } from '../output/subject-answer.js';
import { showProgress } from '../progress.js';
import { subjectKeyFor } from '../subject-key.js';

interface SubjectOptions extends SourceOptions {
  readonly keyFile: string | undefined;
  readonly withKey: boolean | undefined;
  readonly format: 'text' | 'json';
}

export function registerSubject(audit: Command, io: Io, done: (code: ExitCode) => void): void {
  withSourceOptions(audit.command('subject'))
    .description("tell who saw one data subject's data, who may have, and who was refused")
    .argument('<key>', 'the key of the subject, as its table has it; "-" reads it from standard input')
    .option(
      '--key-file <file>',
      'the key that the proxies make HMACs of subjects with (default: the configured one)',
    )
    .option('--with-key', "repeat the subject's key in the answer")
    .addOption(
      audit.createOption('--format <format>', 'text, or json').choices(['text', 'json']).default('text'),
    )
    .action(async (key: string, options: SubjectOptions) => {
      done(await subject(io, key, options));
    });
}

async function subject(io: Io, given: string, options: SubjectOptions): Promise<ExitCode> {
  const typed = given === '-' ? fromStandardInput() : given;
  const source = await auditSource(options);
  const hmacKey = subjectKeyFor(options.keyFile, source);
  const { searchSubject } = await import('../../audit/subject/search.js');
  const progress = showProgress(io, 'events read');
  let found;
  try {
    found = await searchSubject({
      ...source,
      source: source.name,
      subject: typed,
      hmacKey,
      onProgress: progress.update,
    });
  } catch (error) {
    throw new CommandFailure(EXIT.findings, `no answer: ${reasonOf(error)}`, {
      cause: error,
      fix: 'check the address or the folder, and that it may be read; then ask again',
    });
  } finally {
    progress.end();
  }
  const answer = options.withKey === true ? { key: typed, ...found } : found;
  io.out(
    options.format === 'json'
      ? `${JSON.stringify(answer, undefined, 2)}\n`
      : subjectAnswerText(answer, io.colours),
  );
  // An answer about a part of the log only is no answer.
  const { unreadable, other_key: otherKey } = answer.coverage;
  return unreadable.count > 0 || otherKey > 0 ? EXIT.findings : EXIT.fine;
}

/** Arguments stand in the list of processes and in the shell's history; standard input does not. */
function fromStandardInput(): string {
  const text = readFileSync(0, 'utf8').replace(/\r?\n$/, '');
  if (text === '') throw new CommandFailure(EXIT.usage, 'no key came on standard input');
  return text;
}
