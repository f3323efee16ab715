// What the programs of libraries over node-postgres share: settings for its clients, and what is read off a client of theirs.
import pg from 'pg';
import { encrypted, equal, login, notAvailable, ssl } from './report.mjs';

/** As pg.Client and pg.Pool take it. */
export const clientSettings = { ...login, ssl, enableChannelBinding: encrypted };

const mechanisms = new WeakMap();
/** The driver says nowhere which mechanism it chose, so what it sends is looked at. pg-promise brings a node-postgres of its own. */
export function watchMechanisms(Connection) {
  const { sendSASLInitialResponseMessage } = Connection.prototype;
  Connection.prototype.sendSASLInitialResponseMessage = function (mechanism, response) {
    mechanisms.set(this, mechanism);
    sendSASLInitialResponseMessage.call(this, mechanism, response);
  };
}
watchMechanisms(pg.Connection);

export function assertEncrypted(client) {
  if (!encrypted) notAvailable('no TLS in this setting');
  equal(client.connection.stream.encrypted, true, 'the socket is encrypted');
  equal(client.connection.stream.authorized, true, 'the certificate was verified');
}

export function assertBound(client) {
  if (!encrypted) notAvailable('no TLS in this setting');
  equal(mechanisms.get(client.connection), 'SCRAM-SHA-256-PLUS', 'the SASL mechanism that was used');
}

/**
 * Sends the cancel request as the driver does, once the statement runs. PostgreSQL ignores one that overtakes its statement, as
 * happens on a busy machine, so a second one follows; both come well within the 5 s that a cancel may take.
 */
export function cancelSoon(client, query) {
  const timers = [500, 2500].map((delay) =>
    setTimeout(() => new pg.Client(clientSettings).cancel(client, query), delay),
  );
  for (const event of ['error', 'end']) query.on(event, () => timers.forEach(clearTimeout));
}
