/**
 * The alert rules of a policy as data: what is counted, over how long, and how much is too much. It counts nothing; the
 * judge (src/audit/alerts) does. Plain data, since it crosses the border between processes.
 */
import { windowMs, type AlertEntry } from './alert-schema.js';
import type { PolicyContent } from './content.js';
import { parseWeekHours, type WeekHours } from './week-hours.js';

export type AlertSeverity = 'low' | 'medium' | 'high' | 'critical';

interface Common {
  readonly name: string;
  readonly severity: AlertSeverity;
  readonly per: 'actor' | 'login';
  /** Undefined: everybody, exempt sessions too. */
  readonly roles: readonly string[] | undefined;
  /** What is counted together: it slides with the time. Those of `volume`'s past follow each other, from 1970 on. */
  readonly windowMs: number;
}

export type AlertRule = Common &
  (
    | {
        readonly kind: 'volume';
        readonly atLeast: number;
        /** Of the median of the actor's own windows. */
        readonly times: number;
      }
    | { readonly kind: 'subjects' | 'refusals' | 'equality_lookups'; readonly over: number }
    | { readonly kind: 'hours'; readonly outside: WeekHours }
  );

export type AlertKind = AlertRule['kind'];

const HOUR_MS = 3_600_000;

/** Of content that has no problems. */
export function alertRules(content: PolicyContent): readonly AlertRule[] {
  return [...content.alerts].map(([name, { value }]) => ruleOf(name, value));
}

function ruleOf(name: string, entry: AlertEntry): AlertRule {
  const common: Common = {
    name,
    severity: entry.severity ?? 'medium',
    per: entry.per ?? 'actor',
    roles: entry.roles,
    windowMs: entry.window === undefined ? HOUR_MS : (windowMs(entry.window) ?? HOUR_MS),
  };
  switch (entry.kind) {
    case 'volume':
      return { ...common, kind: 'volume', atLeast: entry.at_least, times: entry.times };
    case 'hours': {
      const read = parseWeekHours(entry.outside);
      if (!read.ok) throw new Error('bug: hours that the schema has read cannot be read');
      return { ...common, kind: 'hours', outside: read.hours };
    }
    default:
      return { ...common, kind: entry.kind, over: entry.over };
  }
}
