/** Judges what the clients' programs said: which features work, in which settings they do not, and why. Runs nothing. */
import { features, type Feature, type FeatureResult } from './features.js';
import type { ProgramRun } from './run-client.js';
import type { Setting } from './settings.js';

export interface SettingRun {
  readonly setting: Setting;
  readonly run: ProgramRun;
}

export interface Failure {
  readonly setting: Setting;
  readonly why: string;
}

export interface Cell {
  readonly feature: Feature;
  readonly state: 'ok' | 'fail' | 'n/a';
  readonly failures: readonly Failure[];
  /** The program's reason, where the feature is n/a in every setting. */
  readonly why?: string;
  /** In how many settings the feature was there and worked. */
  readonly passed: number;
}

export interface ClientVerdict {
  readonly client: string;
  /** Empty when the client could not be run at all. */
  readonly cells: readonly Cell[];
  /** Why it was not run: what is missing. */
  readonly missing?: string;
  /** Failures that belong to no feature: a crash at the end, output that is no result. */
  readonly failures: readonly Failure[];
  readonly seconds: number;
}

/** What a setting without encryption cannot have. */
const needsTls: ReadonlySet<Feature> = new Set(['tls', 'channel-binding']);

export function judge(client: string, runs: readonly SettingRun[]): ClientVerdict {
  return {
    client,
    cells: features.map((feature) => cellOf(feature, runs)),
    failures: runs.flatMap(({ setting, run }) => programFailures(run).map((why) => ({ setting, why }))),
    seconds: runs.reduce((sum, { run }) => sum + run.seconds, 0),
  };
}

/** A client that is not here was not tested, which is no success. */
export function notInstalled(client: string, missing: string): ClientVerdict {
  return { client, cells: [], missing, failures: [], seconds: 0 };
}

export function failed(verdict: ClientVerdict, allowMissing = false): boolean {
  if (verdict.missing !== undefined) return !allowMissing;
  return verdict.failures.length > 0 || verdict.cells.some(({ state }) => state === 'fail');
}

function cellOf(feature: Feature, runs: readonly SettingRun[]): Cell {
  const said = runs.map(({ setting, run }) => ({ setting, result: resultOf(feature, run) }));
  const baseline = said.find(({ setting }) => setting.direct)?.result.result;
  const failures = said.flatMap(({ setting, result }) => {
    if (result.result === 'fail') return [{ setting, why: result.why ?? 'no reason was given' }];
    // A program may not get round a failure by calling it n/a: what works directly must be tried through the proxy as well.
    const excused = setting.transport === 'plain' && needsTls.has(feature);
    if (result.result === 'n/a' && baseline === 'ok' && !excused)
      return [{ setting, why: `works directly, and was not tried here: ${result.why ?? ''}` }];
    return [];
  });
  const passed = said.filter(({ result }) => result.result === 'ok').length;
  if (failures.length > 0) return { feature, state: 'fail', failures, passed };
  if (passed > 0) return { feature, state: 'ok', failures, passed };
  // The reason that says most: "no TLS here" is every plain setting's.
  const reason = (said.find(({ setting }) => setting.transport === 'tls') ?? said[0])?.result.why;
  return { feature, state: 'n/a', failures, passed, ...(reason === undefined ? {} : { why: reason }) };
}

function resultOf(feature: Feature, run: ProgramRun): FeatureResult {
  const results = run.results.filter((one) => one.feature === feature);
  if (results.length === 1) return results[0]!;
  if (results.length > 1) return { feature, result: 'fail', why: `reported ${results.length} times` };
  const last = run.results.at(-1)?.feature;
  return {
    feature,
    result: 'fail',
    why: `not reported; the program ${endOf(run)}${last === undefined ? '' : ` after "${last}"`}`,
  };
}

function programFailures(run: ProgramRun): readonly string[] {
  const failures = run.strayLines
    .slice(0, 3)
    .map((line) => `printed what is no result: ${line.slice(0, 200)}`);
  if (run.timedOut || run.exitCode !== 0)
    failures.push(
      `the program ${endOf(run)}${run.stderr === '' ? '' : `; stderr: ${run.stderr.slice(-1000)}`}`,
    );
  return failures;
}

function endOf(run: ProgramRun): string {
  if (run.timedOut) return `was stopped after ${Math.round(run.seconds)} s`;
  if (run.exitCode === null) return 'was killed or could not be started';
  return `ended with exit code ${run.exitCode}`;
}
