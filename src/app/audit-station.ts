/** A process's audit: its spool and what ships it, the key of data subjects' HMACs, and the judge of alerts. */
import { openAuditLog, type AuditLog } from '../audit/log.js';
import { SubjectMarker } from '../audit/subject-marks.js';
import type { Config } from '../config/schema.js';
import { openAlertOffice } from './alert-office.js';
import { AlertReporter, type AlertReporterOptions } from './alert-reporter.js';
import { loadCheckpointKey } from './checkpoint-key.js';
import { PolicyError } from './policy-error.js';
import { spoolOf } from './spools.js';
import type { StationOptions } from './stations.js';
import { subjectKey } from './subject-key.js';

/** Every proxy, and whoever asks, has to share the key, or the same person has two HMACs. */
export function openSubjects(config: Config, { logger }: StationOptions): SubjectMarker {
  const { key, madeAt } = subjectKey(config);
  if (madeAt !== undefined)
    logger.warn(
      { file: madeAt },
      'a key for the HMACs of data subjects was made: every proxy, and whoever runs pgveil audit subject, needs this key (audit.subjects.key)',
    );
  return new SubjectMarker(key, config.audit.subjects.limit);
}

export async function startAudit(
  config: Config,
  subjects: Pick<SubjectMarker, 'keyName'>,
  { worker, version, logger }: StationOptions,
  directory = spoolOf(config.audit.spool, worker),
): Promise<AuditLog> {
  const { redis, stream, durability, checkpoints, accept_lossy_redis: acceptLossy, trim } = config.audit;
  const { spool_limits: limits } = config.audit;
  // One of a proxy's workers is enough, and one of several proxies.
  const trims = directory === spoolOf(config.audit.spool, 1);
  const signer = loadCheckpointKey(config);
  if (!signer.ok) throw new PolicyError(signer.problems, 'audit.checkpoints');
  const { key } = signer;
  return openAuditLog({
    spoolDirectory: directory,
    durability,
    version,
    subjectKey: subjects.keyName,
    limits: {
      bytes: limits.bytes,
      segmentBytes: limits.segment,
      segmentAgeMs: limits.segment_age,
      ageMs: limits.age,
    },
    ...(redis === undefined
      ? {}
      : {
          redis: { target: redis, stream, acceptLossy, ...(trim === undefined || !trims ? {} : { trim }) },
        }),
    ...(key === undefined || checkpoints === undefined
      ? {}
      : { checkpoints: { key, everyMs: checkpoints.every } }),
    onState: ({ level, message }) => {
      logger[level]({}, `audit: ${message}`);
    },
  }).catch((cause: unknown) => {
    throw unusable(directory, cause);
  });
}

/** What the system says of a file names no folder and no remedy. */
function unusable(directory: string, cause: unknown): unknown {
  if (!(cause instanceof Error && 'code' in cause)) return cause;
  const file = 'path' in cause ? `, ${String(cause.path)}` : '';
  return new Error(
    `the audit spool "${directory}" cannot be opened (${String(cause.code)}${file}): make room on its disk, and give it and all files in it to the user that runs pgveil`,
    { cause },
  );
}

/** Alerts are judged once for all workers; of one process, here. */
export async function startAlerts(
  { audit: { spool } }: Config,
  { logger, shared }: StationOptions,
  parts: Pick<AlertReporterOptions, 'policies' | 'audit' | 'metrics'>,
): Promise<Pick<AlertReporter, 'audit' | 'put' | 'close'>> {
  if (shared !== undefined) return new AlertReporter({ ...parts, logger, report: shared.reportAlerts });
  const office = await openAlertOffice({ spool, logger });
  const reporter = new AlertReporter({ ...parts, logger, report: (report) => office.report(1, report) });
  return {
    audit: reporter.audit,
    put: (policies) => reporter.put(policies),
    close: async () => {
      await reporter.close();
      await office.close();
    },
  };
}
