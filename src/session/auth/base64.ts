/** Base64 as PostgreSQL reads it (pg_b64_decode in src/common/base64.c): no blanks, no foreign letters, padded. */

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** Undefined for what is none. Buffer.from alone would take almost anything. */
export function strictBase64(text: string): Buffer | undefined {
  return BASE64.test(text) ? Buffer.from(text, 'base64') : undefined;
}
