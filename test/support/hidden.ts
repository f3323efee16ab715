/** Changes to the sample CRM that a governed role must not be able to notice. */

/** An UPDATE moves a row behind the others; without ORDER BY its place would show, and which row fails first. */
const sameOrder = `
  CLUSTER customers USING customers_pkey;
  CLUSTER orders USING orders_pkey;
  CLUSTER payments USING payments_pkey;
  CLUSTER tickets USING tickets_pkey;
  CLUSTER leads USING leads_pkey;
`;

/** Other hidden values behind equal masks, and other withheld people. Visible things stay as they are. */
const secrets = `
  UPDATE customers SET notes = 'something else ' || id * 31 WHERE notes IS NOT NULL;
  UPDATE customers SET profile = '{"tier": "x", "n": 99}' WHERE profile IS NOT NULL;
  UPDATE customers SET email = left(email, 1) || 'zzzz' || substr(email, strpos(email, '@')) WHERE email IS NOT NULL;
  UPDATE customers SET phone = repeat('9', length(phone) - 4) || right(phone, 4) WHERE phone IS NOT NULL;
  UPDATE customers SET birth_date = date_trunc('year', birth_date) + interval '200 days';
  UPDATE payments SET card_number = '9999-8888-7777-' || (1000 + id);
  UPDATE tickets SET subject = '4711' || id;
  UPDATE customers SET first_name = 'Hidden', last_name = '12345', region = 'XX', created_at = '2000-01-01', email = 'q@q.qq', notes = '77' WHERE id = 5;
  DELETE FROM leads WHERE id = 2;
`;
/** For marketing the people without consent are hidden too. */
const people = `
  DELETE FROM tickets WHERE customer_id IN (2, 4, 6);
  UPDATE customers SET first_name = 'Nobody', last_name = '0', region = 'YY', do_not_call = NOT do_not_call, created_at = '1999-09-09' WHERE id IN (2, 4, 6);
  UPDATE orders SET total = 0, status = 'secret', placed_at = '1990-01-01' WHERE customer_id IN (2, 4, 6);
  UPDATE payments SET amount = 0 WHERE customer_id IN (2, 4, 6);
`;

export const otherSecrets = `${secrets}${sameOrder} ANALYZE;`;
export const otherPeople = `${people}${sameOrder} ANALYZE;`;

/**
 * What each role must not notice, with the statistics as they were. The server plans by the size of tables and by their
 * commonest values, withheld rows included; of two parts that fail on visible rows, another plan may reach another first.
 * Which plan is chosen is a channel of its own (docs/threat-model.md), and here would only hide what the soak looks for.
 */
export const unnoticed = {
  support: keepingStatistics(secrets),
  marketing: keepingStatistics(secrets + people),
} as const;

/** Needs a superuser. Without ANALYZE pg_statistic stays; CLUSTER counts rows anew, so the old counts are put back. */
function keepingStatistics(changes: string): string {
  return `
    CREATE TEMP TABLE before AS SELECT oid AS of, reltuples AS rows, relpages AS pages, relallvisible AS visible FROM pg_class;
    ${changes}${sameOrder}
    UPDATE pg_class SET reltuples = rows, relpages = pages, relallvisible = visible FROM before WHERE oid = of;
    DROP TABLE before;`;
}
