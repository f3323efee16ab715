/** What the audit says of an exempt session's texts, each distinct one looked at once. */
import type { Planner } from '../enforce/types.js';

export type Described = ReturnType<Planner['describe']>;

const MAX_TEXTS = 200;
/** Longer texts are rarely sent twice. */
const MAX_TEXT_BYTES = 4096;

export class TextDescriptions {
  private readonly planner: Planner;
  private readonly known = new Map<string, Described>();

  constructor(planner: Planner) {
    this.planner = planner;
  }

  describe(sql: Buffer): Described {
    if (sql.length > MAX_TEXT_BYTES) return this.planner.describe(sql);
    const key = sql.toString('latin1');
    let described = this.known.get(key);
    if (described === undefined) {
      described = this.planner.describe(sql);
      if (this.known.size >= MAX_TEXTS) this.known.clear();
      this.known.set(key, described);
    }
    return described;
  }
}
