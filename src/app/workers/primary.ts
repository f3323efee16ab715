/**
 * Several workers as one proxy: starts them, starts again those that end unasked, and does for all of them what can only
 * be done once: reload, count, answer at the admin endpoint. It reads no statement and opens no session.
 *
 * INVARIANT(last-good): all workers put changed policies in force, or none does; a worker that starts again with other
 * policies than the others have is let in only once all have those.
 */
import cluster from 'node:cluster';
import type { AppOptions } from '../../app.js';
import type { Config } from '../../config/schema.js';
import { createLogger } from '../../observe/log.js';
import type { PolicyProblem } from '../../policy/types.js';
import { openAlertOffice } from '../alert-office.js';
import { type App, type Behind, filesToWatch, openFront } from '../front.js';
import { inTurn, oneWaiting } from '../reload.js';
import { Crew } from './crew.js';
import { sharedChecks } from './shared-checks.js';

export interface PrimaryOptions extends AppOptions {
  readonly workers: number;
}

const START_MS = 60_000;
const PREPARE_MS = 60_000;
const SAMPLES_MS = 2_000;

/** As startApp, over several processes. */
export async function startWorkers(config: Config, options: PrimaryOptions): Promise<App> {
  const { version, workers, logLevel = 'info' } = options;
  const seen = filesToWatch(config);
  const logger = createLogger({ level: logLevel, base: { version } });
  const script = import.meta.url.endsWith('.ts') ? './worker-main.ts' : './worker-main.js';
  // Round robin spreads long-lived connections evenly, which the system's own choice does not (Node manual, Cluster).
  cluster.schedulingPolicy = cluster.SCHED_RR;
  cluster.setupPrimary({
    exec: new URL(script, import.meta.url).pathname,
    args: [],
    serialization: 'advanced',
  });

  let inForce: string | undefined;
  const reloadNow = async (): Promise<readonly PolicyProblem[]> => {
    const members = crew.members();
    const prepared = await Promise.allSettled(
      members.map(({ line }) => line.ask('prepareReload', null, PREPARE_MS)),
    );
    const problems = distinct(
      prepared.flatMap((one) =>
        one.status === 'fulfilled' ? one.value.problems : [noAnswer(config.policies)],
      ),
    );
    const read = new Set(prepared.map((one) => (one.status === 'fulfilled' ? one.value.version : '')));
    if (problems.length === 0 && read.size > 1) problems.push(changedMeanwhile(config.policies));
    if (problems.length > 0) {
      for (const { line } of members) line.tell('keepPolicies', problems);
      return problems;
    }
    const commits = members.map(async ({ line, process }) => {
      try {
        inForce = await line.ask('commitReload', null, PREPARE_MS);
      } catch {
        // FAIL-CLOSED: nobody knows which policies are in force there.
        process.process.kill('SIGKILL');
      }
    });
    await Promise.all(commits);
    return [];
  };
  const failed = (error: unknown): void => {
    logger.error({ error }, 'the policies could not be loaded again, those in force stay in force');
  };
  const queue = inTurn((work: () => Promise<readonly PolicyProblem[]>) => work(), failed);
  const reload = oneWaiting(queue, () => reloadNow());
  /** Whether a worker that has loaded these policies may take connections. */
  const mayJoin = async (policyVersion: string): Promise<boolean> => {
    let may = false;
    await queue(async () => {
      inForce ??= policyVersion;
      // The files have changed since: then all of them read them, or this one is started again.
      const problems = policyVersion === inForce ? [] : await reloadNow();
      may = policyVersion === inForce;
      return problems;
    });
    return may;
  };
  const alerts = await openAlertOffice({ spool: config.audit.spool, logger });
  const crew = new Crew({
    config,
    logger,
    workers,
    start: { config, origins: options.origins, version, logLevel },
    mayJoin,
    reload,
    samplesMs: SAMPLES_MS,
    alerts,
  });
  const behind: Behind = {
    registry: {
      contentType: crew.metrics.contentType,
      metrics: async () => {
        await crew.collect();
        return crew.metrics.text();
      },
    },
    listen: async () => ({ ...(await crew.begin(START_MS)), checks: sharedChecks(crew, workers) }),
    reload,
    close: async (graceMs) => {
      await crew.drain(graceMs);
      await alerts.close();
    },
  };
  return openFront(config, behind, { logger, watchMs: options.watchMs, seen, facts: { workers } });
}

/** Each worker finds the same problem in the same file. */
function distinct(problems: readonly PolicyProblem[]): PolicyProblem[] {
  return [...new Map(problems.map((one) => [JSON.stringify(one), one])).values()];
}

function noAnswer(folder: string): PolicyProblem {
  return problem(folder, 'a worker did not say whether the policies fit', 'see the log, and reload again');
}

function changedMeanwhile(folder: string): PolicyProblem {
  return problem(folder, 'the files changed while the workers read them', 'reload again');
}

function problem(file: string, message: string, fix: string): PolicyProblem {
  return { place: { file, line: 1, column: 1 }, severity: 'error', code: 'worker', text: '', message, fix };
}
