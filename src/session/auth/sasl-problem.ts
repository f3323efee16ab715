/**
 * Why an exchange cannot go on, in the words and under the SQLSTATE of the server (auth-scram.c, auth-sasl.c). Thrown
 * inside the exchange, caught where it is driven.
 */
export class SaslProblem extends Error {
  override readonly name = 'SaslProblem';
  readonly sqlstate: string;
  readonly detail: string | undefined;

  constructor(sqlstate: string, message: string, detail?: string) {
    super(message);
    this.sqlstate = sqlstate;
    this.detail = detail;
  }
}

/** protocol_violation. */
export function malformed(detail: string): SaslProblem {
  return new SaslProblem('08P01', 'malformed SCRAM message', detail);
}
