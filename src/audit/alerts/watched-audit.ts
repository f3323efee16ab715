/** The audit port with a tally beside it: what is written is what is counted. It changes nothing that passes. */
import type { AuditPort } from '../types.js';
import type { AlertTally } from './tally.js';

/** @param broken - told when the tally throws, which is a bug; the statement knows nothing of it */
export function watchedAudit(
  audit: AuditPort,
  tally: AlertTally,
  broken: (error: unknown) => void,
): AuditPort {
  return {
    intent: (record) => audit.intent(record),
    outcome(ticket, record, outcome) {
      const wait = audit.outcome(ticket, record, outcome);
      try {
        tally.add(record, outcome, Date.now());
      } catch (error) {
        broken(error);
      }
      return wait;
    },
    lifecycle(event) {
      audit.lifecycle(event);
      if (event.kind !== 'login-failed') return;
      try {
        tally.addFailedLogin(event);
      } catch (error) {
        broken(error);
      }
    },
  };
}
