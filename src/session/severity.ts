/** What an ErrorResponse means for the session, without its texts. */
import { openFrame } from '../wire/codec.js';
import { errorResponse } from '../wire/messages/error-response.js';

export interface Severity {
  readonly sqlstate: string;
  /** The server closes the connection behind it. */
  readonly fatal: boolean;
}

export function severityOf(frame: Buffer): Severity {
  const { fields } = errorResponse.decode(openFrame(frame, 'error-response'));
  const field = (letter: string): string | undefined => fields.find(([code]) => code === letter)?.[1];
  const severity = field('V') ?? field('S');
  return { sqlstate: field('C') ?? 'XX000', fatal: severity === 'FATAL' || severity === 'PANIC' };
}
