#!/bin/bash
# pgbench in its three query modes. Exempt: its own tables, TPC-B-like and select-only. Governed: a script over the CRM.
. "${BASH_SOURCE%/*}/report.bash"

schema=pgbench_$$ # pgbench makes its four tables in the first schema of search_path.

bench() { # bench ARGUMENTS…: every transaction must have been done
  local said
  said=$(pgbench -n -c 2 -j 2 -t 20 "$@" 2>&1) || { echo "$* failed: $said"; exit 1; }
  holds "$said" 'number of transactions actually processed: 40/40' "$*"
}

printf 'SELECT 1;\n' >"$root/one.sql"
# Customers 1 and 3 are those whom everybody may see.
cat >"$root/read.sql" <<'SQL'
\set id 2 * random(0, 1) + 1
SELECT name, price FROM products WHERE id = :id;
BEGIN;
SELECT c.id AS found, o.total FROM customers c JOIN orders o ON o.customer_id = c.id WHERE c.id = :id ORDER BY o.id LIMIT 1 \gset
\if :found <> :id
SELECT 1/0;
\endif
END;
SQL
cat >"$root/pipeline.sql" <<'SQL'
\set id random(1, 3)
\startpipeline
SELECT name FROM products WHERE id = :id;
SELECT email FROM customers WHERE id = :id;
SELECT 1;
\endpipeline
SQL
cat >"$root/masked.sql" <<'SQL'
SELECT email LIKE '%canary%' AS clear FROM customers WHERE id = 1 \gset
\if :clear
SELECT 1/0;
\endif
SQL
printf "INSERT INTO products VALUES (1, 'Again', 1);\n" >"$root/error.sql"

connect() { bench -C -f "$root/one.sql"; }

# libpq refuses a connection that is not encrypted and verified, or not bound, and pgbench says nothing of it.
tls() {
  [ "$PGSSLMODE" != disable ] || not_applicable 'sslmode=disable'
  connect
}

channel_binding() {
  [ "$PGSSLMODE" != disable ] || not_applicable 'sslmode=disable'
  [ "${PGCHANNELBINDING:-}" = require ] || not_applicable 'channel binding was not asked for'
  connect
}

parameters() {
  bench -M simple -f "$root/read.sql"
  bench -M extended -f "$root/read.sql"
  bench -M extended -f "$root/pipeline.sql"
}

prepared() {
  bench -M prepared -f "$root/read.sql"
  bench -M prepared -f "$root/pipeline.sql"
}

binary() { not_applicable 'pgbench asks for text results'; }
cursors() { not_applicable 'pgbench has no cursors'; }

copy() { # its tables are loaded by COPY, then vacuumed
  if governed; then # DDL is not theirs
    holds "$(pgbench -i -s 1 2>&1)" 'ERROR:  pgveil: ' 'pgbench -i'
    return
  fi
  psql -Xqc "CREATE SCHEMA $schema" || exit 1
  PGOPTIONS="-csearch_path=$schema" pgbench -q -i -s 1 2>&1 || exit 1
  same "$(sql <<<"SELECT count(*) FROM $schema.pgbench_accounts;")" 100000 'accounts'
}

errors() {
  holds "$(pgbench -n -t 1 -f "$root/error.sql" 2>&1)" '"products_pkey"' 'a unique violation'
}

transactions() {
  local mode
  if governed; then # its own scripts need its tables
    for mode in simple extended prepared; do bench -M "$mode" -f "$root/read.sql"; done
    return
  fi
  export PGOPTIONS="-csearch_path=$schema"
  for mode in simple extended prepared; do
    bench -M "$mode" -b tpcb-like
    bench -M "$mode" -b select-only
  done
  same "$(sql <<<"SELECT count(*) FROM $schema.pgbench_history;")" 120 'history'
}

cancel() { not_applicable 'pgbench cancels nothing while it runs a script'; }
listen() { not_applicable 'pgbench takes no notifications'; }

masked() {
  local said
  said=$(pgbench -n -t 1 -f "$root/masked.sql" 2>&1)
  if governed; then holds "$said" 'processed: 1/1' 'the mask'; else holds "$said" 'division by zero' 'the clear value'; fi
}

disconnect() {
  governed || psql -Xqc "SET client_min_messages = warning" -c "DROP SCHEMA $schema CASCADE" || exit 1
  bench -C -M prepared -f "$root/one.sql"
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
