#!/bin/bash
# psql, as people use it: scripts, variables, \copy, \gdesc, FETCH_COUNT, Ctrl-C.
. "${BASH_SOURCE%/*}/report.bash"

emails() { # who sees whom and how: policies/crm.yaml
  case $PGUSER in
    crm_admin) printf '%s\n' ada.canary1@example.com bob.canary2@example.com cleo.canary3@example.org \
      dmitri.canary4@example.net eve.canary5@example.com finn.canary6@example.com ;;
    crm_support) printf '%s\n' 'a***@example.com' 'b***@example.com' 'c***@example.org' 'd***@example.net' 'f***@example.com' ;;
    crm_marketing) printf '%s\n' 'a***@example.com' 'c***@example.org' ;;
  esac
}

connect() {
  same "$(sql <<<'SELECT current_user, current_database();')" "$PGUSER|$PGDATABASE" 'who and where'
  same "$(sql <<<'\echo :SERVER_VERSION_NUM' | cut -c1-2)" "$PGVEIL_SERVER_MAJOR" 'server version'
  holds "$(psql -Xc '\d products')" '"products_pkey" PRIMARY KEY' '\d products'
  if [ -n "${PGVEIL_LIBPQ:-}" ]; then # with-libpq18.bash: what libpq has had since 16 tells which one was loaded
    holds "$(PGREQUIREAUTH=md5 psql -Xc 'SELECT 1' 2>&1)" 'authentication method requirement "md5" failed' 'require_auth'
  fi
}

tls() {
  [ "$PGSSLMODE" != disable ] || not_applicable 'sslmode=disable'
  holds "$(sql <<<'\conninfo')" 'SSL connection (protocol: TLSv1.' '\conninfo'
  # The server's certificate is looked at: another authority's is not taken.
  holds "$(PGSSLROOTCERT=${BASH_SOURCE%/*}/../other-authority.crt psql -Xc 'SELECT 1' 2>&1)" 'certificate verify failed' 'a wrong root certificate'
}

channel_binding() {
  # libpq breaks the log-in off when the exchange was not bound and `require` is set.
  [ "$PGSSLMODE" != disable ] || not_applicable 'sslmode=disable'
  [ "${PGCHANNELBINDING:-}" = require ] || not_applicable 'channel binding was not asked for'
  same "$(sql <<<'SELECT 1;')" 1 'a bound session'
}

parameters() {
  local text="it's \"quoted\" \\ größe 日本 🙂"
  same "$(sql -v text="$text" <<<"SELECT 42::int, :'text'::text, NULL::text IS NULL, true::bool, 12345678901234567890.12::numeric;")" \
    "42|$text|t|t|12345678901234567890.12" 'values'
  same "$(sql <<'SQL'
SET TIME ZONE 'UTC';
SELECT '2026-01-10 09:00:00.123456Z'::timestamptz, '{1,NULL,"a b"}'::text[], '{"a": [1, "ü"]}'::jsonb, '\x00ff'::bytea;
SELECT id AS "wanted" FROM products WHERE name = 'Cup' \gset
SELECT name FROM products WHERE id = :wanted;
SQL
)" $'2026-01-10 09:00:00.123456+00|{1,NULL,"a b"}|{"a": [1, "ü"]}|\\x00ff\nCup' 'more values'
}

prepared() {
  same "$(sql <<'SQL'
PREPARE one (int) AS SELECT id, name FROM products WHERE id = $1;
EXECUTE one(1);
EXECUTE one(2);
EXECUTE one(3);
SELECT c.id, email, price FROM customers c, products LIMIT 0 \gdesc
DEALLOCATE one;
SQL
)" $'1|Teapot\n2|Cup\n3|Kettle\nid|integer\nemail|character varying(200)\nprice|numeric(10,2)' 'PREPARE and \gdesc'
}

binary() { not_applicable 'psql asks for text results'; }

cursors() {
  same "$(sql -v FETCH_COUNT=2 <<<'SELECT email FROM customers ORDER BY id;')" "$(emails)" 'FETCH_COUNT'
  same "$(sql <<'SQL'
BEGIN;
DECLARE walk SCROLL CURSOR FOR SELECT email FROM customers ORDER BY id;
FETCH 2 FROM walk;
MOVE ABSOLUTE 0 FROM walk;
FETCH ALL FROM walk;
CLOSE walk;
DECLARE kept CURSOR WITH HOLD FOR SELECT id FROM products ORDER BY id;
COMMIT;
FETCH 2 FROM kept;
CLOSE kept;
SQL
)" "$(emails | head -2)
$(emails)
1
2" 'DECLARE and FETCH'
}

copy() {
  printf '%s\tL\\xC3\\xA4uf\\ter\\n\\\\\t1.50\n%s\tTopf\t2.00\n' "$own" "$((own + 1))" >"$root/rows"
  same "$(sql <<SQL
BEGIN;
\copy products from '$root/rows'
\copy (SELECT * FROM products WHERE id >= $own ORDER BY id) to '$root/out'
COPY products FROM STDIN (DELIMITER '|');
$((own + 2))|a|3
\.
SELECT count(*) FROM products WHERE id >= $own;
ROLLBACK;
SQL
)" 3 'rows copied in'
  same "$(cat "$root/out")" "$own"$'\tLäuf\\ter\\n\\\\\t1.50\n'"$((own + 1))"$'\tTopf\t2.00' 'rows copied out'
  same "$(sql <<<'COPY customers (email) TO STDOUT;' | sort)" "$(emails)" 'COPY customers'
  same "$(sql <<<'COPY (SELECT 1) TO STDOUT (FORMAT binary);' | head -c 6)" PGCOPY 'binary COPY'
}

errors() {
  local said
  said=$(psql -XAtq -f - 2>&1 <<'SQL'
\set VERBOSITY verbose
INSERT INTO products VALUES (1, 'Again', 1);
\set VERBOSITY default
SELECT 1 FORM products;
\echo :SQLSTATE :LAST_ERROR_SQLSTATE
SELECT 'alive';
SQL
)
  holds "$said" 'ERROR:  23505: ' 'a unique violation'
  holds "$said" 'CONSTRAINT NAME:  products_pkey' 'its constraint'
  holds "$said" 'LINE 1: SELECT 1 FORM products;' 'the place of a syntax error'
  holds "$said" '42601 42601' 'its SQLSTATE'
  holds "$said" 'alive' 'the connection'
}

transactions() {
  same "$(psql -XAtq -v own="$own" -f - 2>/dev/null <<'SQL'
BEGIN; INSERT INTO products VALUES (:own, 'Own', 1); ROLLBACK;
SELECT count(*) FROM products WHERE id = :own;
BEGIN;
INSERT INTO products VALUES (:own, 'Own', 1);
SAVEPOINT one;
INSERT INTO products VALUES (:own, 'Own', 1);
ROLLBACK TO one;
COMMIT;
SELECT count(*) FROM products WHERE id = :own;
DELETE FROM products WHERE id = :own;
SELECT count(*) FROM products WHERE id = :own;
BEGIN;
SELECT 1/0;
SELECT 1;
\echo :SQLSTATE
ROLLBACK;
\set ON_ERROR_ROLLBACK on
BEGIN;
SELECT 1/0;
SELECT 'goes on';
COMMIT;
SQL
)" $'0\n1\n0\n25P02\ngoes on' 'what was seen'
}

cancel() {
  local started=$SECONDS
  # timeout sends what Ctrl-C sends.
  holds "$(timeout -s INT 1 psql -X -v VERBOSITY=verbose -c 'SELECT pg_sleep(30)' 2>&1)" 'ERROR:  57014: ' 'the cancelled statement'
  ((SECONDS - started < 5)) || { echo "it took $((SECONDS - started)) s"; exit 1; }
}

listen() {
  local said
  said=$(psql -XAtq -v VERBOSITY=verbose -f - 2>&1 <<'SQL'
LISTEN own_channel;
NOTIFY own_channel, 'häl lo';
SELECT 'alive';
SQL
)
  if governed; then
    holds "$said" 'ERROR:  42501: ' 'LISTEN'
    [[ $said != *'häl lo'* ]] || { echo 'a notification arrived'; exit 1; }
  else
    holds "$said" 'Asynchronous notification "own_channel" with payload "häl lo" received' 'NOTIFY'
  fi
  holds "$said" 'alive' 'the connection'
}

masked() {
  same "$(sql <<<'SELECT email FROM customers ORDER BY id;')" "$(emails)" 'customers.email'
  if governed; then
    [[ $(sql <<<'TABLE customers;') != *canary* ]] || { echo 'a canary shows'; exit 1; }
  fi
}

disconnect() {
  sql <<<'\q' || { echo 'psql did not end cleanly'; exit 1; }
  same "$(sql <<<$'\\connect\nSELECT 1;' 2>&1)" 1 '\connect'
}

feature connect connect
feature tls tls
feature channel-binding channel_binding
feature parameters parameters
feature prepared prepared
feature binary binary
feature cursors cursors
feature copy copy
feature errors errors
feature transactions transactions
feature cancel cancel
feature listen listen
feature masked masked
feature disconnect disconnect
