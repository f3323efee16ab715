/** How written values are told from masks of text, without taking an ordinary value for one. */
import type { Column } from '../../catalog/types.js';
import type { MaskSql, MaskWriting } from '../types.js';
import { call, op, textLiteral } from '../sql-text.js';
import { declaredLength, isText } from './mask-kind.js';

/** Characters that cover in masks and stand in no name, number, address or date. */
const COVERS = new Set('*•●█▓▒░■×#~_');

/** How many of them in a row are no accident. */
const RUN = 3;

/** The run of covering characters that a mask leaves in what it covers; undefined when real values hold such too. */
export function coverRun(cover: string): string | undefined {
  return COVERS.has(cover) ? cover.repeat(RUN) : undefined;
}

/** True when a fixed text is recognisably no value: it holds a run of covering characters, or stands in brackets. */
export function isPlaceholder(text: string): boolean {
  const covered = [...COVERS].some((cover) => text.includes(cover.repeat(RUN)));
  return covered || /^(?:\[.+\]|<.+>|\{.+\}|«.+»)$/su.test(text);
}

/** Recognises one fixed text, as far as the column can hold it whole. */
export function fixedText(column: Column, text: string): MaskWriting {
  const length = declaredLength(column);
  if (!isText(column) || !isPlaceholder(text) || (length !== undefined && length < text.length)) return {};
  return { looksMasked: (value) => op(asText(value), '=', textLiteral(text)) };
}

/** Recognises what the mask itself leaves unchanged and what holds the run of covering characters. */
export function fixedPoint(mask: MaskSql, run: string): MaskWriting {
  return {
    looksMasked: (value) => {
      const text = asText(value);
      const covered = op(call('strpos', text, textLiteral(run)), '>', '0');
      return `(${covered} AND ${op(asText(mask(value)), '=', text)})`;
    },
  };
}

/** By bytes, whatever the column's collation calls equal. */
export function asText(value: string): string {
  return `((${value})::pg_catalog.text COLLATE pg_catalog."C")`;
}
