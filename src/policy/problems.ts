/** Making and ordering problems. */
import type { PolicyProblem } from './types.js';
import type { YamlPath, YamlSource } from './yaml/source.js';

/** A value of a policy together with where it stands. */
export interface Entry<Value> {
  readonly value: Value;
  readonly source: YamlSource;
  readonly path: YamlPath;
}

export interface ProblemText {
  readonly code: string;
  readonly message: string;
  readonly fix: string;
  readonly severity?: 'error' | 'warning';
  /** Report the key instead of the value. */
  readonly key?: boolean;
}

/** A problem at a place below an entry. */
export function problemAt(entry: Entry<unknown>, below: YamlPath, problem: ProblemText): PolicyProblem {
  const path = [...entry.path, ...below];
  return {
    place: problem.key === true ? entry.source.placeOfKey(path) : entry.source.placeOf(path),
    severity: problem.severity ?? 'error',
    code: problem.code,
    text: problem.key === true ? String(path.at(-1) ?? '') : entry.source.textOf(path),
    message: problem.message,
    fix: problem.fix,
  };
}

/** `file:line:column: message (text); fix`, one line for logs and terminals. */
export function formatProblem(problem: PolicyProblem): string {
  const { file, line, column } = problem.place;
  const text = problem.text === '' ? '' : ` (${problem.text})`;
  return `${file}:${line}:${column}: ${problem.severity}: ${problem.message}${text}; ${problem.fix}`;
}
