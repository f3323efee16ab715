/** A statement has run and the audit does not take its end: the client may not have the end of the result. */
export class OutcomeUnwritten extends Error {
  override readonly name = 'OutcomeUnwritten';
}
