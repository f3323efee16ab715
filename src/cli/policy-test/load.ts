/** Finds and reads `*.test.yaml` files. Wrong ones come back as problems with file, line and column. */
import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Entry } from '../../policy/problems.js';
import type { PolicyProblem, SourcePlace } from '../../policy/types.js';
import { schemaProblems } from '../../policy/yaml/schema-problems.js';
import { readYaml } from '../../policy/yaml/source.js';
import { CommandFailure, EXIT } from '../exit.js';
import type { AlertTest } from './alert-cases.js';
import { testFileSchema, type PolicyTest } from './test-file.js';

export interface LocatedTest extends PolicyTest {
  readonly file: string;
  readonly place: SourcePlace;
}

/** Of alert rules. */
export interface LocatedAlertTest {
  readonly entry: Entry<AlertTest>;
  readonly place: SourcePlace;
}

export interface TestsRead {
  readonly tests: readonly LocatedTest[];
  readonly alertTests: readonly LocatedAlertTest[];
  readonly problems: readonly PolicyProblem[];
}

/** A file stands for itself, a folder for every `*.test.yaml` below it. */
export function findTestFiles(paths: readonly string[]): string[] {
  const files = paths.flatMap((path) => {
    if (!existsSync(path)) {
      throw new CommandFailure(EXIT.usage, `"${path}" does not exist`, {
        fix: 'name a *.test.yaml file or a folder that holds some',
      });
    }
    if (!statSync(path).isDirectory()) return [path];
    return readdirSync(path, { recursive: true, encoding: 'utf8' })
      .filter((name) => /\.test\.ya?ml$/.test(name))
      .map((name) => join(path, name))
      .sort();
  });
  return [...new Set(files)];
}

export function readTests(files: readonly string[]): TestsRead {
  const tests: LocatedTest[] = [];
  const alertTests: LocatedAlertTest[] = [];
  const problems: PolicyProblem[] = [];
  for (const file of files) {
    const read = readYaml(file, readFileSync(file, 'utf8'));
    if (!read.ok) {
      problems.push(...read.problems);
      continue;
    }
    const { source } = read;
    const parsed = testFileSchema.safeParse(source.value);
    if (!parsed.success) {
      problems.push(...schemaProblems(source, testFileSchema, parsed.error));
      continue;
    }
    parsed.data.tests?.forEach((test, i) => {
      tests.push({ ...test, file, place: source.placeOf(['tests', i]) });
    });
    parsed.data.alerts?.forEach((value, i) => {
      const path = ['alerts', i];
      alertTests.push({ entry: { value, source, path }, place: source.placeOf(path) });
    });
  }
  return { tests, alertTests, problems };
}
