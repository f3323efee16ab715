/**
 * What the clients of the audit soak say: each text carries a marker twice, as a literal, which the server's log shows
 * (pgveil blanks comments before it forwards), and as a sqlcommenter tag, which the event shows (literals are removed
 * there). Neither side can have the marker from the other. Knows no sockets.
 */
import type { FrontendMessage } from '../../../src/wire/frontend-message.js';
import { bind, execute, parse, query, sync } from '../../integration/session/support.js';
import type { Random } from '../random.js';

/**
 * protected: a governed statement over protected data, which strict durability promises to keep.
 * behind: everything else that runs; its event is written behind (SPEC 6).
 * refused: never reaches the server.
 */
export type Reach = 'protected' | 'behind' | 'refused';

export interface Text {
  readonly marker: string;
  readonly reach: Reach;
  readonly sql: string;
  /** In the text. */
  readonly statements: number;
}

/** Messages up to one ReadyForQuery. */
export interface Segment {
  readonly messages: readonly FrontendMessage[];
  /** Whose CommandComplete comes, in order; undefined: of a statement without a marker. */
  readonly completes: readonly (Text | undefined)[];
}

/** One of the sqlcommenter keys that events record. */
export const TAG = 'action';

/** Where markers stand in the server's log; `Markers` makes them. */
export const MARKER_IN_LOG = /'(k[0-9a-z]{7})'/g;

export class Markers {
  #made = 0;

  next(): string {
    this.#made++;
    return `k${this.#made.toString(36).padStart(7, '0')}`;
  }
}

const forms = {
  select: (m: string) => `SELECT '${m}' AS marker, id, email, phone FROM customers WHERE id > -1 ORDER BY id`,
  join: (m: string) =>
    `SELECT '${m}' AS marker, c.last_name, o.total FROM customers c JOIN orders o ON o.customer_id = c.id`,
  update: (m: string) => `UPDATE customers SET notes = '${m}' WHERE id = 2`,
  copy: (m: string) => `COPY (SELECT '${m}' AS marker, id, email FROM customers) TO STDOUT`,
  failing: (m: string) => `SELECT '${m}' AS marker, 1 / (id - id) FROM customers`,
  two: (m: string) =>
    `SELECT '${m}' AS marker, id FROM customers; SELECT '${m}' AS marker, email FROM customers`,
  open: (m: string) => `SELECT '${m}' AS marker, name FROM products`,
  refused: (m: string) => `SELECT '${m}' AS marker, card_number FROM payments`,
} as const;
type Form = keyof typeof forms;

const simple: readonly Form[] = [
  ...(['select', 'select', 'select', 'join', 'update', 'copy', 'failing', 'two', 'open', 'refused'] as const),
];
const extended: readonly Form[] = [
  'select',
  'select',
  'select',
  'join',
  'update',
  'failing',
  'open',
  'refused',
];

export function text(form: Form, marker: string, exempt: boolean): Text {
  const governed = form === 'open' ? 'behind' : form === 'refused' ? 'refused' : 'protected';
  return {
    marker,
    reach: exempt ? 'behind' : governed,
    sql: `${forms[form](marker)} /*${TAG}='${marker}'*/`,
    statements: form === 'two' ? 2 : 1,
  };
}

/** The statement that a client prepares once and runs many times. */
export function prepared(
  marker: string,
  exempt: boolean,
): { readonly text: Text; readonly segment: Segment } {
  const made = text('select', marker, exempt);
  return { text: made, segment: { messages: [parse(made.sql, 'again'), sync], completes: [] } };
}

/** @param again - what the client has prepared under that name */
export function segment(random: Random, markers: Markers, exempt: boolean, again: Text): Segment {
  const make = (of: readonly Form[]): Text => text(random.pick(of), markers.next(), exempt);
  const kind = random.next();
  if (kind < 0.4) {
    const made = make(simple);
    return { messages: [query(made.sql)], completes: Array<Text>(made.statements).fill(made) };
  }
  if (kind < 0.65) {
    const several = Array.from({ length: 1 + random.below(5) }, () => make(extended));
    return {
      messages: [...several.flatMap(({ sql }) => [parse(sql), bind(), execute()]), sync],
      completes: several,
    };
  }
  if (kind < 0.8) {
    const times = 1 + random.below(4);
    return {
      messages: [...Array.from({ length: times }, () => [bind('again'), execute()]).flat(), sync],
      completes: Array<Text>(times).fill(again),
    };
  }
  if (kind < 0.9) {
    // Rows in two portions: the portal is suspended in between.
    const made = text('select', markers.next(), exempt);
    return { messages: [parse(made.sql), bind(), execute('', 2), execute(), sync], completes: [made] };
  }
  const inside = [make(extended), make(extended)];
  return {
    messages: [
      ...[parse('BEGIN'), bind(), execute()],
      ...inside.flatMap(({ sql }) => [parse(sql), bind(), execute()]),
      ...[parse('COMMIT'), bind(), execute(), sync],
      // Ends the transaction that a failure has left open.
      query('ROLLBACK'),
    ],
    completes: [undefined, ...inside, undefined],
  };
}
