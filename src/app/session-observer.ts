/** Turns what sessions report into metrics. The only place that knows both vocabularies. */
import { errorEntry } from '../errors/catalog.js';
import type { ConnectionState as MetricState, Metrics } from '../observe/metrics.js';
import type { ConnectionState, SessionObserver } from '../session/ports.js';

/** A session without a statement in hand still holds its place, so it counts as active; closed ones count nowhere. */
const STATES: Readonly<Record<ConnectionState, MetricState | undefined>> = {
  handshake: 'startup',
  active: 'active',
  closed: undefined,
};

const DIRECTIONS = { 'from-client': 'from_client', 'from-upstream': 'from_upstream' } as const;

export function sessionObserver(metrics: Metrics): SessionObserver {
  return {
    statement(observation) {
      metrics
        .forRole(observation.role)
        .statement(observation.decision, observation.seconds, observation.rows);
      metrics.maskedColumns(observation.maskedLabels);
      if (observation.refusal !== undefined) metrics.denied(errorEntry(observation.refusal.code).reason);
    },
    planned: (seconds, cache) => {
      metrics.enforced(cache, seconds);
    },
    connection(from, to) {
      if (from === undefined) metrics.connectionOpened();
      metrics.connectionState(from === undefined ? undefined : STATES[from], STATES[to]);
    },
    bytes: (direction, count) => {
      metrics.bytes(DIRECTIONS[direction], count);
    },
    upstreamError: () => {
      metrics.upstreamError();
    },
    guardTrip: () => {
      metrics.guardTrip();
    },
    subjectsUnread: (reason) => {
      metrics.subjectsUnread(reason);
    },
    authFailure: (reason) => {
      metrics.authFailure(reason);
    },
  };
}
