/** `pgveil check`: validates configuration and policies, with a database also against its live catalog. */
import type { PolicyProblem } from '../../policy/types.js';
import { EXIT, ProblemsFailure, type ExitCode } from '../exit.js';
import type { Io } from '../io.js';
import { problemsAsJson, problemsAsSarif, problemsAsText, type ProblemFormat } from '../output/problems.js';
import { configOption, loadCommandConfig, readCommandConfig } from '../config-file.js';
import type { Register } from './register.js';

interface Options {
  readonly config: string | undefined;
  readonly offline: boolean | undefined;
  readonly showConfig: boolean | undefined;
  readonly format: ProblemFormat;
}

export const registerCheck: Register = (program, io, done) => {
  program
    .command('check')
    .description('validate configuration, policies and policy tests, also against the live catalog')
    .addOption(configOption())
    .option('--offline', 'do not connect to the database')
    .option(
      '--show-config',
      'print the effective configuration with the origin of each value, secrets hidden',
    )
    .addOption(
      program
        .createOption('--format <format>', 'text, json or sarif')
        .choices(['text', 'json', 'sarif'])
        .default('text'),
    )
    .action(async (options: Options) => {
      done(await check(io, options));
    });
};

async function check(io: Io, options: Options): Promise<ExitCode> {
  try {
    if (options.showConfig === true) {
      const { showConfig } = await import('../../config/load.js');
      const { config, origins } = await readCommandConfig(options.config);
      io.out(
        showConfig(config, origins)
          .map((line) => `${line}\n`)
          .join(''),
      );
      return EXIT.fine;
    }
    const { findProblems } = await import('../check/find-problems.js');
    const problems = await findProblems(await loadCommandConfig(options.config), options.offline === true);
    return report(io, options.format, problems, options.offline === true);
  } catch (error) {
    if (!(error instanceof ProblemsFailure)) throw error;
    return report(io, options.format, error.problems, options.offline === true);
  }
}

/** Errors are a bad policy (78); warnings alone are fine, so that a pipeline may go on. */
function report(
  io: Io,
  format: ProblemFormat,
  problems: readonly PolicyProblem[],
  offline: boolean,
): ExitCode {
  const errors = problems.filter((problem) => problem.severity === 'error').length;
  const warnings = problems.length - errors;
  switch (format) {
    case 'json':
      io.out(`${JSON.stringify({ errors, warnings, problems: problemsAsJson(problems) }, null, 2)}\n`);
      break;
    case 'sarif':
      io.out(`${JSON.stringify(problemsAsSarif(problems), null, 2)}\n`);
      break;
    case 'text':
      io.out(problemsAsText(problems, io.colours));
      io.out(`${summary(errors, warnings, offline, io)}\n`);
      break;
  }
  return errors === 0 ? EXIT.fine : EXIT.config;
}

function summary(errors: number, warnings: number, offline: boolean, io: Io): string {
  const count = (number: number, word: string): string => `${number} ${word}${number === 1 ? '' : 's'}`;
  const how = offline ? ' (offline: not compared with the database)' : '';
  const text = `${count(errors, 'error')}, ${count(warnings, 'warning')}${how}`;
  if (errors > 0) return io.colours.red(text);
  return warnings > 0 ? io.colours.yellow(text) : io.colours.green(text);
}
