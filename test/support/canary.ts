/**
 * The canaries: protected values of the fixtures, each a recognisable token that no governed client may ever receive,
 * whatever the statement. Only values that no policy of the tests shows to these log-ins stand here.
 */

/** Log-ins that the fixtures' policies govern. */
export const governedLogins: ReadonlySet<string> = new Set(['crm_support', 'crm_marketing']);

/** Mail addresses in full, telephone numbers in full, notes, handles, subjects of tickets, cards, and names of those who are withheld. */
const canaries =
  /(?:\.canary\d+@|\+49-151-000000\d|\+1-555-000000\d|\+44-20-000000\d|\+353-1-000000\d|canary-note-\d|@canary\d|canary-ticket-\d|(?:4111-1111-1111|5500-0000-0000|3400-0000-0000)-100\d|Secretname5)/g;

/** Longer than any token, so that none hides between two chunks. */
export const longestCanary = 64;

/** The tokens in what a client received, save for those that it sent itself. */
export function canariesIn(received: string, sent = ''): readonly string[] {
  return [...new Set(received.match(canaries) ?? [])].filter((token) => !sent.includes(token));
}
