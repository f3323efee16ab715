# What psql's and pgbench's programs share: the feature lines, and psql as the tests call it. Sourced by both.
set -uo pipefail
export PGAPPNAME="${0##*/}"
own=$((1000000 + $$)) # Rows that this run writes into products: no other run has them.
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT

governed() { [ "$PGVEIL_ROLE" = governed ]; }

json_text() { # a JSON string
  local text=${1//\\/\\\\}
  text=${text//\"/\\\"}
  text=${text//$'\n'/\\n}
  printf '"%s"' "$(tr -d '\000-\037' <<<"${text//$'\t'/ }")"
}

# feature NAME FUNCTION: its output is the reason when it fails (status 1) or does not apply (status 3).
feature() {
  local why status
  why=$("$2" 2>&1 </dev/null)
  status=$?
  case $status in
    0) printf '{"feature":"%s","result":"ok"}\n' "$1" ;;
    3) printf '{"feature":"%s","result":"n/a","why":%s}\n' "$1" "$(json_text "$why")" ;;
    *) printf '{"feature":"%s","result":"fail","why":%s}\n' "$1" "$(json_text "${why:0:600}")" ;;
  esac
}

not_applicable() { echo "$1"; exit 3; }

same() { # same FOUND EXPECTED WHAT
  [ "$1" = "$2" ] || { echo "$3: '$1' instead of '$2'"; exit 1; }
}

holds() { # holds TEXT PART WHAT
  [[ $1 == *"$2"* ]] || { echo "$3: '$2' is not in '$1'"; exit 1; }
}

# A psql script on stdin; unaligned rows alone on stdout, the first error ends it.
sql() { psql -XAtq -v ON_ERROR_STOP=1 -v own="$own" -f - "$@"; }
