/** The text of a subject key's file as a key, the same for the proxies that record and for whoever asks. */

/** Below this a key can be guessed, and with it whose HMAC is whose. */
const LEAST_BYTES = 16;

/** A trailing line break is not part of the key. Throws a sentence for people where it is too short. */
export function subjectKeyOf(content: Buffer, where: string): Buffer {
  const end = content.at(-1) === 0x0a ? (content.at(-2) === 0x0d ? -2 : -1) : content.length;
  const key = content.subarray(0, end);
  if (key.length < LEAST_BYTES)
    throw new Error(
      `${where} has fewer than ${LEAST_BYTES} bytes, so it could be guessed: use a longer random key, for example from openssl rand -hex 32`,
    );
  return key;
}
