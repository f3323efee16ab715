/** RowDescription, backend. */
import type { BodyReader } from '../body-reader.js';
import type { BodyWriter } from '../body-writer.js';
import type { ByteString } from '../byte-string.js';
import type { Codec } from '../codec.js';

export interface RowField {
  readonly name: ByteString;
  /** pg_class.oid of the base table, 0 when the field is not a plain column. */
  readonly tableOid: number;
  /** pg_attribute.attnum, negative for a system column, 0 when not a plain column. */
  readonly attnum: number;
  readonly typeOid: number;
  readonly typeSize: number;
  readonly typmod: number;
  /** 0 text, 1 binary; always 0 in the answer to Describe of a statement. */
  readonly format: number;
}

export interface RowDescription {
  readonly kind: 'row-description';
  readonly fields: readonly RowField[];
}

export const rowDescription: Codec<RowDescription> = {
  decode: (body) => ({ kind: 'row-description', fields: body.list(body.count16(), readField) }),
  encode: (message, body) => void body.list16(message.fields, writeField),
};

function readField(body: BodyReader): RowField {
  return {
    name: body.cstring(),
    tableOid: body.oid(),
    attnum: body.int16(),
    typeOid: body.oid(),
    typeSize: body.int16(),
    typmod: body.int32(),
    format: body.int16(),
  };
}

function writeField(body: BodyWriter, field: RowField): void {
  body
    .cstring(field.name)
    .oid(field.tableOid)
    .int16(field.attnum)
    .oid(field.typeOid)
    .int16(field.typeSize)
    .int32(field.typmod)
    .int16(field.format);
}
