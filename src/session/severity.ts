/** What an ErrorResponse means for the session, without its texts. */
import { isHead, openFrame } from '../wire/codec.js';
import { errorResponse } from '../wire/messages/error-response.js';

const HEADER_BYTES = 5;

export interface Severity {
  readonly sqlstate: string;
  /** The server closes the connection behind it. */
  readonly fatal: boolean;
}

export function severityOf(frame: Buffer): Severity {
  const field = isHead(frame) ? inHead(frame) : inWhole(frame);
  const severity = field('V') ?? field('S');
  return { sqlstate: field('C') ?? 'XX000', fatal: severity === 'FATAL' || severity === 'PANIC' };
}

type Field = (letter: string) => string | undefined;

function inWhole(frame: Buffer): Field {
  const { fields } = errorResponse.decode(openFrame(frame, 'error-response'));
  return (letter) => fields.find(([code]) => code === letter)?.[1];
}

/** The server writes severity and SQLSTATE first (send_message_to_frontend in src/backend/utils/error/elog.c). */
function inHead(frame: Buffer): Field {
  const fields = frame.toString('latin1', HEADER_BYTES).split('\0').slice(0, -1);
  return (letter) => fields.find((one) => one.startsWith(letter))?.slice(1);
}
