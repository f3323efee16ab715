/** What the report lists beside statements: guard trips, failed log-ins, alerts, dropped events, recoveries, trims. */
import type { Report } from './schema.js';
import { compare, FirstOf, Groups, Names, type Tally } from './groups.js';
import { iso, isoOrNull, place, type Place } from './places.js';
import type { Facts, Happening, StatementFacts } from './report-event.js';

const MAX_LISTED = 100;
const MAX_LOGINS = 2_000;
const LISTED_LOGINS = 50;
const MAX_NAMES = 20;
const MAX_TABLES = 20;

class Attempts implements Tally<Attempts> {
  attempts = 0;
  first = Infinity;
  last = -Infinity;
  readonly addresses = new Names(MAX_NAMES);

  absorb(other: Attempts): void {
    this.attempts += other.attempts;
    this.first = Math.min(this.first, other.first);
    this.last = Math.max(this.last, other.last);
    this.addresses.addAll(other.addresses);
  }
}

type Listed = Pick<
  Report,
  | 'guard_trips'
  | 'failed_logins'
  | 'other_failed_logins'
  | 'alerts'
  | 'drops'
  | 'recoveries'
  | 'trims'
  | 'interrupted'
>;

export class Happenings {
  readonly #trips = new FirstOf<Happening>(MAX_LISTED, place.order);
  readonly #alerts = new FirstOf<Happening>(MAX_LISTED, place.order);
  readonly #drops = new FirstOf<Happening>(MAX_LISTED, place.order);
  readonly #recoveries = new FirstOf<Happening>(MAX_LISTED, place.order);
  readonly #trims = new FirstOf<Happening>(MAX_LISTED, place.order);
  readonly #interrupted = new FirstOf<StatementFacts>(MAX_LISTED, place.order);
  readonly #logins = new Groups(MAX_LOGINS, () => new Attempts());
  #lost = 0;

  add(event: Happening): void {
    switch (event.kind) {
      case 'guard-trip':
        this.#trips.add(event);
        return;
      case 'alert':
        this.#alerts.add(event);
        return;
      case 'recovery':
        this.#recoveries.add(event);
        return;
      case 'trim':
        this.#trims.add(event);
        return;
      case 'drop':
        this.#lost += whole(event.facts['events']);
        this.#drops.add(event);
        return;
      case 'failed-login': {
        const group = this.#logins.of(event.actor, event.sqlstate, event.detail);
        group.attempts++;
        group.first = Math.min(group.first, event.time);
        group.last = Math.max(group.last, event.time);
        group.addresses.add(event.address);
        return;
      }
      case 'session-open':
      case 'session-close':
      case 'policy-load':
      case 'checkpoint':
      case 'other':
        return;
    }
  }

  addInterrupted(statement: StatementFacts): void {
    this.#interrupted.add(statement);
  }

  sections(): Listed {
    const logins = this.#failedLogins();
    const all = this.#logins.entries().reduce((sum, { tally }) => sum + tally.attempts, 0);
    const others = this.#logins.others?.attempts ?? 0;
    return {
      guard_trips: listed(this.#trips, ({ actor, role, address, detail }) => ({
        actor,
        role,
        address,
        detail,
      })),
      failed_logins: logins,
      other_failed_logins: all + others - logins.reduce((sum, { attempts }) => sum + attempts, 0),
      alerts: listed(this.#alerts, ({ actor, role, detail, facts }) => ({
        rule: words(facts['rule']),
        kind: words(facts['kind']),
        actor,
        role,
        observed: figure(facts['observed']),
        threshold: figure(facts['threshold']),
        detail,
      })),
      drops: {
        lost_events: this.#lost,
        ...listed(this.#drops, ({ facts }) => ({
          events: whole(facts['events']),
          since: isoOrNull(figure(facts['since']) ?? undefined),
          until: isoOrNull(figure(facts['until']) ?? undefined),
          reason: words(facts['reason']),
        })),
      },
      recoveries: listed(this.#recoveries, noted),
      trims: listed(this.#trims, noted),
      interrupted: listed(this.#interrupted, ({ actor, role, query, tables }) => ({
        actor,
        role,
        statement: query.uid,
        tables: tables.slice(0, MAX_TABLES),
      })),
    };
  }

  #failedLogins(): Report['failed_logins'] {
    return this.#logins
      .entries()
      .map(({ key: [user, sqlstate, reason], tally }) => ({
        user: user ?? '',
        sqlstate: sqlstate ?? '',
        reason: reason ?? '',
        attempts: tally.attempts,
        addresses: tally.addresses.list(),
        first: iso(tally.first),
        last: iso(tally.last),
      }))
      .sort(
        (a, b) =>
          b.attempts - a.attempts ||
          compare(a.user, b.user) ||
          compare(a.sqlstate, b.sqlstate) ||
          compare(a.reason, b.reason),
      )
      .slice(0, LISTED_LOGINS);
  }
}

type Told = ReturnType<typeof place.told>;

function listed<Item extends Place, Facts extends object>(
  items: FirstOf<Item>,
  tell: (item: Item) => Facts,
): { total: number; first: (Told & Facts)[] } {
  return {
    total: items.count,
    first: items.list().map((item) => ({ ...place.told(item), ...tell(item) })),
  };
}

function noted({ detail }: Happening): { detail: string } {
  return { detail };
}

function figure(value: Facts[string]): number | null {
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}

function whole(value: Facts[string]): number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : 0;
}

function words(value: Facts[string]): string {
  return typeof value === 'string' ? value : '';
}
