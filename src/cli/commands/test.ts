/** `pgveil test`: runs policy tests (SPEC 4) against a database and says which do not hold. */
import { CommandFailure, EXIT, ProblemsFailure, type ExitCode } from '../exit.js';
import type { Io } from '../io.js';
import { junitXml, type CaseResult } from '../output/junit.js';
import { shortPath } from '../output/problems.js';
import { configOption, loadCommandConfig } from '../config-file.js';
import type { Register } from './register.js';

interface Options {
  readonly config: string | undefined;
  readonly format: 'text' | 'json' | 'junit';
}

export const registerTest: Register = (program, io, done) => {
  program
    .command('test')
    .description(
      'run policy tests (*.test.yaml) against the database of catalog.url; nothing stays behind in it, and tests of alert rules need none',
    )
    .argument('[path...]', 'test files, or folders that hold some; the policy folder when absent')
    .addOption(configOption())
    .addOption(
      program
        .createOption('--format <format>', 'text, json or junit')
        .choices(['text', 'json', 'junit'])
        .default('text'),
    )
    .action(async (paths: readonly string[], options: Options) => {
      done(await test(io, paths, options));
    });
};

async function test(io: Io, paths: readonly string[], options: Options): Promise<ExitCode> {
  const config = await loadCommandConfig(options.config);
  const { findTestFiles, readTests } = await import('../policy-test/load.js');
  const files = findTestFiles(paths.length === 0 ? [config.policies] : paths);
  const { tests, alertTests, problems } = readTests(files);
  if (problems.length > 0) throw new ProblemsFailure(problems);
  if (tests.length + alertTests.length === 0) {
    throw new CommandFailure(EXIT.usage, 'there are no policy tests here', {
      fix: 'name a *.test.yaml file, or a folder that holds some',
    });
  }
  const { alertTestProblems, runAlertTests } = await import('../policy-test/run-alerts.js');
  const { runTests } = await import('../policy-test/run.js');
  const { openWorkshop } = await import('../workshop.js');
  const workshop = await openWorkshop(config);
  try {
    const { content, alerts } = workshop.set;
    const misfits = alertTestProblems(alertTests, content);
    if (misfits.length > 0) throw new ProblemsFailure(misfits);
    const report = (result: CaseResult): void => {
      if (options.format === 'text') io.out(resultLine(result, io));
    };
    const results = [
      ...runAlertTests(alertTests, alerts, report),
      ...(tests.length === 0 ? [] : await runTests(tests, await workshop.testBench(), report)),
    ];
    if (options.format === 'junit') io.out(junitXml(results));
    if (options.format === 'json') io.out(`${JSON.stringify(resultsAsJson(results), null, 2)}\n`);
    const failed = results.filter((result) => result.findings.length > 0).length;
    if (options.format === 'text') io.out(`${summary(results.length, failed, io)}\n`);
    return failed === 0 ? EXIT.fine : EXIT.findings;
  } finally {
    await workshop.close();
  }
}

function resultLine(result: CaseResult, io: Io): string {
  const { green, red, dim } = io.colours;
  if (result.findings.length === 0) return `${green('ok')}    ${result.name}\n`;
  const details = result.findings.map((finding) => `      ${finding}\n`).join('');
  return `${red('FAIL')}  ${result.name} ${dim(`(${shortPath(result.file)}:${result.line})`)}\n${details}`;
}

function summary(total: number, failed: number, io: Io): string {
  const passed = `${total - failed} of ${total} policy tests passed`;
  return failed === 0 ? io.colours.green(passed) : io.colours.red(passed);
}

function resultsAsJson(results: readonly CaseResult[]): unknown {
  return {
    passed: results.filter((result) => result.findings.length === 0).length,
    failed: results.filter((result) => result.findings.length > 0).length,
    tests: results.map((result) => ({
      file: shortPath(result.file),
      line: result.line,
      name: result.name,
      passed: result.findings.length === 0,
      findings: result.findings,
      duration_ms: Math.round(result.durationMs),
    })),
  };
}
