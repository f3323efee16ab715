/**
 * A DataRow that comes in pieces: keeps the fields that hold keys and hops over the others, however long they are
 * (PostgreSQL manual, 54.7 Message Formats, DataRow).
 */
import type { SubjectPlan } from '../enforce/types.js';

export class SplitRow {
  private readonly plan: SubjectPlan;
  private readonly maxBytes: number;
  private readonly keys: (Buffer | null | undefined)[] = [];
  /** The number that is being read: the count of fields, or the length of one. */
  private number = 0;
  private missing = 2;
  private field = -1;
  /** Of the field's value. */
  private remaining = 0;
  private kept: Buffer[] | undefined;
  private broken = false;

  constructor(plan: SubjectPlan, maxBytes: number) {
    this.plan = plan;
    this.maxBytes = maxBytes;
  }

  feed(chunk: Buffer, from: number, to: number): void {
    let at = from;
    while (at < to && !this.broken && this.keys.length < this.plan.outputs.length) {
      if (this.missing > 0) {
        this.number = (this.number << 8) | chunk[at++]! | 0;
        if (--this.missing === 0) this.begin();
      } else {
        const step = Math.min(this.remaining, to - at);
        this.kept?.push(Buffer.from(chunk.subarray(at, at + step)));
        at += step;
        this.remaining -= step;
        if (this.remaining === 0) this.endField();
      }
    }
  }

  /** By output: null for NULL, undefined for a field that is too long; undefined as a whole: it was no such row. */
  end(): readonly (Buffer | null | undefined)[] | undefined {
    return this.broken || this.keys.length < this.plan.outputs.length ? undefined : this.keys;
  }

  /** The same of a row that does not end: as many as have come. */
  soFar(): readonly (Buffer | null | undefined)[] {
    return this.keys;
  }

  private begin(): void {
    const { number } = this;
    this.number = 0;
    if (this.field < 0) {
      this.field = 0;
      this.broken = number !== this.plan.fields;
      this.missing = 4;
      return;
    }
    const isKey = this.plan.outputs[this.keys.length]!.position === this.field;
    if (number < 0 && isKey) this.keys.push(null);
    if (number < 0) {
      this.field++;
      this.missing = 4;
      return;
    }
    this.remaining = number;
    const fits = number <= this.maxBytes;
    this.kept = isKey && fits ? [] : undefined;
    if (isKey && !fits) this.keys.push(undefined);
    if (number === 0) this.endField();
  }

  private endField(): void {
    if (this.kept !== undefined) this.keys.push(Buffer.concat(this.kept));
    this.kept = undefined;
    this.field++;
    this.missing = 4;
  }
}
