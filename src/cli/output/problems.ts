/**
 * Problems of config and policy files as people, scripts and code-scanning tools read them.
 * Owns the three formats; knows nothing of how a problem was found.
 */
import { relative } from 'node:path';
import type { PolicyProblem } from '../../policy/types.js';
import type { Colours } from '../io.js';
import { packageVersion } from '../version.js';

export type ProblemFormat = 'text' | 'json' | 'sarif';

/** `file:line:column: error: message`, the offending text, and the fix: the shape that editors and CI logs link. */
export function problemsAsText(problems: readonly PolicyProblem[], colours: Colours): string {
  return problems.map((problem) => oneAsText(problem, colours)).join('');
}

function oneAsText(problem: PolicyProblem, colours: Colours): string {
  const { place } = problem;
  const severity = problem.severity === 'error' ? colours.red('error') : colours.yellow('warning');
  const lines = [
    `${colours.bold(`${shortPath(place.file)}:${place.line}:${place.column}:`)} ${severity}: ${problem.message} [${problem.code}]`,
  ];
  if (problem.text !== '') lines.push(`    ${colours.dim(firstLine(problem.text))}`);
  if (problem.fix !== '') lines.push(`    ${colours.cyan('fix:')} ${problem.fix}`);
  return `${lines.join('\n')}\n`;
}

export function problemsAsJson(problems: readonly PolicyProblem[]): unknown[] {
  return problems.map((problem) => ({
    file: shortPath(problem.place.file),
    line: problem.place.line,
    column: problem.place.column,
    severity: problem.severity,
    code: problem.code,
    text: problem.text,
    message: problem.message,
    fix: problem.fix,
  }));
}

/** SARIF 2.1.0 (OASIS), as GitHub and GitLab show in a pull request. */
export function problemsAsSarif(problems: readonly PolicyProblem[]): unknown {
  const codes = [...new Set(problems.map((problem) => problem.code))].sort();
  return {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: { driver: { name: 'pgveil', version: packageVersion(), rules: codes.map((id) => ({ id })) } },
        results: problems.map((problem) => ({
          ruleId: problem.code,
          ruleIndex: codes.indexOf(problem.code),
          level: problem.severity,
          message: { text: problem.fix === '' ? problem.message : `${problem.message}; fix: ${problem.fix}` },
          locations: [
            {
              physicalLocation: {
                artifactLocation: { uri: uriOf(problem.place.file) },
                region: { startLine: problem.place.line, startColumn: problem.place.column },
              },
            },
          ],
        })),
      },
    ],
  };
}

/** Relative to where the command runs, when that is shorter to read. */
export function shortPath(file: string): string {
  const short = relative(process.cwd(), file);
  return short !== '' && !short.startsWith('..') ? short : file;
}

function uriOf(file: string): string {
  return shortPath(file).split('/').map(encodeURIComponent).join('/');
}

function firstLine(text: string): string {
  const line = text.split('\n', 1)[0] ?? '';
  return line.length > 160 ? `${line.slice(0, 157)}…` : line;
}
