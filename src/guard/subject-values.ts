/**
 * One field of a row as the text that the server would have written for it. Binary formats alone that are known here:
 * those of the types that keys mostly have (the typsend functions in src/backend/utils/adt). It knows no rows.
 */

/** Type OIDs are fixed in src/include/catalog/pg_type.dat. */
const BYTEA = 17;
const NAME = 19;
const INT8 = 20;
const INT2 = 21;
const INT4 = 23;
const TEXT = 25;
const BPCHAR = 1042;
const VARCHAR = 1043;
const NUMERIC = 1700;
const UUID = 2950;

type Decoder = (bytes: Buffer) => string | undefined;

const utf8: Decoder = (bytes) => bytes.toString('utf8');

const decoders: ReadonlyMap<number | undefined, Decoder> = new Map<number, Decoder>([
  [INT2, (bytes) => (bytes.length === 2 ? String(bytes.readInt16BE(0)) : undefined)],
  [INT4, (bytes) => (bytes.length === 4 ? String(bytes.readInt32BE(0)) : undefined)],
  [INT8, (bytes) => (bytes.length === 8 ? String(bytes.readBigInt64BE(0)) : undefined)],
  [NUMERIC, numeric],
  [UUID, uuid],
  [TEXT, utf8],
  [VARCHAR, utf8],
  [BPCHAR, utf8],
  [NAME, utf8],
  [BYTEA, (bytes) => `\\x${bytes.toString('hex')}`],
]);

/** Its binary format is known here. */
export function readsBinary(typeOid: number | undefined): boolean {
  return decoders.has(typeOid);
}

/** Undefined for a type whose binary format is not known, and for bytes that are none of the type's. */
export function textOfBinary(bytes: Buffer, typeOid: number | undefined): string | undefined {
  return decoders.get(typeOid)?.(bytes);
}

function uuid(bytes: Buffer): string | undefined {
  if (bytes.length !== 16) return undefined;
  const hex = bytes.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

const SIGNS: Readonly<Record<number, string>> = { 0x0000: '', 0x4000: '-' };
const SPECIAL: Readonly<Record<number, string>> = { 0xc000: 'NaN', 0xd000: 'Infinity', 0xf000: '-Infinity' };

/** Groups of four decimal digits, the first of weight 10000^weight (numeric_send in numeric.c). */
function numeric(bytes: Buffer): string | undefined {
  if (bytes.length < 8) return undefined;
  const count = bytes.readUInt16BE(0);
  const weight = bytes.readInt16BE(2);
  const code = bytes.readUInt16BE(4);
  const sign = SIGNS[code];
  if (sign === undefined) return SPECIAL[code];
  if (bytes.length !== 8 + 2 * count) return undefined;
  let whole = '';
  let fraction = '';
  for (let power = Math.max(weight, 0); power >= Math.min(weight - count + 1, 0); power--) {
    const index = weight - power;
    const group = index >= 0 && index < count ? bytes.readUInt16BE(8 + 2 * index) : 0;
    const digits = String(group).padStart(4, '0');
    if (power >= 0) whole += digits;
    else fraction += digits;
  }
  return `${sign}${whole === '' ? '0' : whole}${fraction === '' ? '' : `.${fraction}`}`;
}
