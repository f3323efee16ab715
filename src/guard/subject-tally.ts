/**
 * Whose data the rows of one statement carry, taken from the rows as they pass. It finds the fields in which the plan
 * says that keys stand, and hands their text to whoever makes HMACs of it; it keeps no row and changes none.
 */
import type { CopyLayout, KeyKind, SubjectOutput, SubjectPlan } from '../enforce/types.js';
import { backendTypes } from '../wire/message-types.js';
import type { RowField } from '../wire/messages/row-description.js';
import { copyFields, isCopyFrame } from './copy-fields.js';
import { MetKeys } from './met-keys.js';
import { SplitRow } from './split-row.js';
import { readsBinary, textOfBinary } from './subject-values.js';

/** Makes the HMACs; shared by the sessions of a process. */
export interface SubjectMarks {
  /** How many an event holds. */
  readonly limit: number;
  mark(key: string, kind: KeyKind): string;
}

export interface SubjectsFound {
  readonly hmacs: readonly string[];
  readonly truncated: boolean;
}

/** Why keys could not be read from rows that should hold them. */
export type UnreadReason = 'binary-format' | 'row-shape';

/** A key is an identifier; what is longer is none, and is not kept while it comes in pieces. */
const MAX_KEY_BYTES = 8192;
/** Of a COPY row that comes in pieces. */
const MAX_COPY_ROW_BYTES = 1024 * 1024;

export class SubjectTally {
  private readonly plan: SubjectPlan;
  private readonly marks: SubjectMarks;
  /** By output: fields that were met already. */
  private readonly met: readonly MetKeys[];
  private readonly hmacs = new Set<string>();
  /** By output; 0 text, 1 binary. */
  private formats: readonly number[];
  private typeOids: readonly (number | undefined)[];
  private incomplete: boolean;
  private split: SplitRow | undefined;
  private copied: Buffer[] = [];
  private copiedBytes = 0;
  private headerAwaited: boolean;
  /** How many have begun. */
  private rows = 0;
  /** No row needs to be looked at any more. */
  closed = false;
  unread: UnreadReason | undefined;

  constructor(plan: SubjectPlan, marks: SubjectMarks) {
    this.plan = plan;
    this.marks = marks;
    this.met = plan.outputs.map(() => new MetKeys());
    this.formats = plan.outputs.map(() => 0);
    this.typeOids = plan.outputs.map(({ typeOid }) => typeOid);
    this.incomplete = !plan.complete;
    this.headerAwaited = plan.copy?.header === true;
  }

  /** By the RowDescription in front of the rows. */
  described(fields: readonly RowField[]): void {
    if (fields.length !== this.plan.fields) {
      this.giveUp('row-shape');
      return;
    }
    const own = this.plan.outputs.map(({ position }) => fields[position]!);
    this.formats = own.map(({ format }) => format);
    this.typeOids = own.map(({ typeOid }) => typeOid);
    this.checkFormats();
  }

  /** By Bind, in front of rows that nothing describes. Undefined: those of the cursor. */
  bound(formats: readonly number[] | undefined): void {
    const all = formats ?? [this.plan.binaryCursor === true ? 1 : 0];
    this.formats = this.plan.outputs.map(({ position }) =>
      all.length > 1 ? (all[position] ?? 0) : (all[0] ?? 0),
    );
    this.checkFormats();
  }

  /** A row, or a piece of one, without the message's header. */
  row(type: number, chunk: Buffer, from: number, to: number, begins: boolean, ends: boolean): void {
    if (this.closed) return;
    if (begins) this.rows++;
    if (type === backendTypes['copy-data']) this.copyRow(chunk, from, to, ends);
    else if (begins && ends) this.wholeRow(chunk, from, to);
    else this.pieceOfRow(chunk, from, to, begins, ends);
  }

  /**
   * Undefined: the result cannot be attributed.
   * @param rows - how many the statement has returned or counted, as far as it came
   */
  found(status: 'success' | 'failure' | 'refused' | 'interrupted', rows: number): SubjectsFound | undefined {
    this.endPieces();
    if (this.unread !== undefined) return undefined;
    // MOVE counts rows without showing them, and what fails may do so over the row of somebody who was not shown.
    const incomplete = this.incomplete || rows > this.rows || status === 'failure';
    // What did not end, and what tells of others than its rows do, names nobody.
    if (this.hmacs.size === 0 && (status !== 'success' || incomplete)) return undefined;
    return { hmacs: [...this.hmacs], truncated: incomplete };
  }

  /** The connection ended inside a row: its beginning has been shown. */
  private endPieces(): void {
    const { split } = this;
    if (this.copied.length > 0) this.incomplete = true;
    if (split === undefined) return;
    this.split = undefined;
    const keys = split.soFar();
    if (keys.length < this.plan.outputs.length) this.incomplete = true;
    this.noteAll(keys);
  }

  private checkFormats(): void {
    if (this.plan.copy !== undefined) return;
    const unknown = this.formats.some((format, index) => format !== 0 && !readsBinary(this.typeOids[index]));
    if (unknown) this.giveUp('binary-format');
  }

  private wholeRow(chunk: Buffer, from: number, to: number): void {
    const { outputs, fields } = this.plan;
    if (to - from < 2 || chunk.readUInt16BE(from) !== fields) {
      this.giveUp('row-shape');
      return;
    }
    let at = from + 2;
    let next = 0;
    let named = false;
    for (let field = 0; next < outputs.length; field++) {
      if (at + 4 > to) {
        this.giveUp('row-shape');
        return;
      }
      const length = chunk.readInt32BE(at);
      at += 4;
      if (length > to - at) {
        this.giveUp('row-shape');
        return;
      }
      if (outputs[next]!.position === field) {
        if (length >= 0) {
          named = true;
          this.note(next, chunk, at, at + length);
        }
        next++;
      }
      if (length > 0) at += length;
    }
    if (!named) this.incomplete = true;
  }

  private pieceOfRow(chunk: Buffer, from: number, to: number, begins: boolean, ends: boolean): void {
    if (begins) this.split = new SplitRow(this.plan, MAX_KEY_BYTES);
    this.split?.feed(chunk, from, to);
    if (!ends || this.split === undefined) return;
    const keys = this.split.end();
    this.split = undefined;
    if (keys === undefined) this.giveUp('row-shape');
    else this.noteAll(keys);
  }

  private copyRow(chunk: Buffer, from: number, to: number, ends: boolean): void {
    const room = MAX_COPY_ROW_BYTES - this.copiedBytes;
    if (ends && this.copiedBytes === 0) this.copyFrame(chunk.subarray(from, to));
    else {
      // A view of the read buffer does not outlive the call.
      if (room > 0 && to > from)
        this.copied.push(Buffer.from(chunk.subarray(from, Math.min(to, from + room))));
      this.copiedBytes += to - from;
      if (!ends) return;
      const whole = this.copiedBytes <= MAX_COPY_ROW_BYTES;
      const row = Buffer.concat(this.copied);
      this.copied = [];
      this.copiedBytes = 0;
      if (whole) this.copyFrame(row);
      else this.incomplete = true;
    }
  }

  private copyFrame(row: Buffer): void {
    const layout: CopyLayout | undefined = this.plan.copy;
    if (layout === undefined) {
      this.giveUp('row-shape');
      return;
    }
    if (this.headerAwaited) {
      this.headerAwaited = false;
      return;
    }
    if (isCopyFrame(row, layout)) return;
    const fields = copyFields(row, layout);
    if (fields?.length !== this.plan.fields) {
      this.giveUp('row-shape');
      return;
    }
    if (layout.format === 'binary') {
      this.formats = this.plan.outputs.map(() => 1);
      if (this.typeOids.some((oid) => !readsBinary(oid))) {
        this.giveUp('binary-format');
        return;
      }
    }
    this.noteAll(this.plan.outputs.map(({ position }) => fields[position] ?? null));
  }

  /** By output; null is NULL, undefined is more than a key may have. */
  private noteAll(keys: readonly (Buffer | null | undefined)[]): void {
    let named = false;
    for (const [index, key] of keys.entries()) {
      if (key === null) continue;
      if (key === undefined) this.incomplete = true;
      else {
        named = true;
        this.note(index, key, 0, key.length);
      }
    }
    // INVARIANT(attributed-whole): whose data a row without a key is nobody can tell.
    if (!named) this.incomplete = true;
  }

  private note(index: number, chunk: Buffer, from: number, to: number): void {
    if (to - from > MAX_KEY_BYTES) {
      this.incomplete = true;
      return;
    }
    const met = this.met[index]!;
    if (met.has(chunk, from, to)) return;
    const output: SubjectOutput = this.plan.outputs[index]!;
    const text =
      this.formats[index] === 0
        ? chunk.toString('utf8', from, to)
        : textOfBinary(chunk.subarray(from, to), this.typeOids[index]);
    if (text === undefined) {
      this.giveUp('binary-format');
      return;
    }
    const hmac = this.marks.mark(text, output.kind);
    if (!this.hmacs.has(hmac) && this.hmacs.size >= this.marks.limit) {
      this.incomplete = true;
      this.close();
      return;
    }
    met.add(chunk, from, to);
    this.hmacs.add(hmac);
  }

  private giveUp(reason: UnreadReason): void {
    this.unread = reason;
    this.close();
  }

  private close(): void {
    this.closed = true;
    this.split = undefined;
    this.copied = [];
    for (const met of this.met) met.clear();
  }
}
