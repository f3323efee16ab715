/** Tells people, the metrics and the audit how a load of the policies went. Loads and binds nothing itself. */
import type { AuditPort } from '../audit/types.js';
import type { Logger } from '../observe/log.js';
import type { Metrics } from '../observe/metrics.js';
import type { LoadedPolicySet } from '../policy/load.js';
import { ruleTexts } from '../policy/rule-texts.js';
import type { PolicyProblem } from '../policy/types.js';

export interface PolicyNews {
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly audit: AuditPort;
}

interface Identity {
  readonly name: string;
  readonly version: string;
}

/** Each problem is a line of its own, with the place in a form that editors link. */
export function logProblems(logger: Logger, problems: readonly PolicyProblem[]): void {
  for (const { place, severity, code, message, fix } of problems) {
    const fields = { place: `${place.file}:${place.line}:${place.column}`, code, fix };
    const what = code === 'tls' ? 'TLS' : code === 'verifiers' ? 'auth.verifiers' : 'policy';
    logger[severity === 'error' ? 'error' : 'warn'](fields, `${what}: ${message}`);
  }
}

export function tellLoaded(
  news: PolicyNews,
  set: Pick<LoadedPolicySet, 'name' | 'version' | 'content'>,
  problems: readonly PolicyProblem[],
): void {
  logProblems(news.logger, problems);
  news.logger.info({ policy: set.name, policyVersion: set.version }, 'policies are in force');
  news.metrics.policyLoaded(set.version);
  news.audit.lifecycle({
    kind: 'policy-load',
    result: 'loaded',
    ...identity(set),
    problems: problems.length,
    rules: ruleTexts(set.content),
  });
}

/** INVARIANT(last-good): what was in force stays in force, and everybody who watches hears of it. */
export function tellKept(news: PolicyNews, inForce: Identity, problems: readonly PolicyProblem[]): void {
  logProblems(news.logger, problems);
  news.logger.error(
    { policy: inForce.name, policyVersion: inForce.version, problems: problems.length },
    'what has changed cannot be used: of policies, certificates and verifiers those in force stay in force',
  );
  news.audit.lifecycle({
    kind: 'policy-load',
    result: 'kept-last-good',
    ...identity(inForce),
    problems: problems.length,
  });
}

function identity({ name, version }: Identity): Identity {
  return { name, version };
}
