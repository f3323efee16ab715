/** The one error of this station. It knows SQLSTATEs and nothing of sockets or sessions. */

/**
 * The peer sent bytes that are not protocol 3.0. The connection cannot be trusted to be in step any more, so it ends.
 * The message names the rule that was broken, never what was in the bytes.
 */
export class ProtocolViolation extends Error {
  override readonly name = 'ProtocolViolation';
  /** protocol_violation, PostgreSQL manual, appendix A. */
  readonly sqlstate = '08P01';
}
