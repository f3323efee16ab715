"""psycopg 3 on libpq."""

import datetime
import decimal
import threading

import psycopg
from psycopg.types.json import Jsonb

from report import (
    BINDING, EMAILS, EMAILS_SQL, ENV, GOVERNED, MAJOR, OWN_ID, TEXT, TLS,
    feature, need_binding, need_tls, raised, same, soon, truth,
)

OPTIONS = {"autocommit": True}
if TLS:
    OPTIONS.update(sslmode=ENV["PGSSLMODE"], sslrootcert=ENV["PGSSLROOTCERT"])
if BINDING:
    OPTIONS.update(channel_binding="require")


def open_connection():
    return psycopg.connect(**OPTIONS)


db = open_connection()


def connect():
    user, database = db.execute("SELECT current_user::text, current_database()::text").fetchone()
    same((user, database), (ENV["PGUSER"], ENV["PGDATABASE"]))
    same(db.info.server_version // 10000, MAJOR, "server_version")
    same(db.info.encoding, "utf-8", "encoding")
    # psql/with-libpq18.bash
    truth(psycopg.pq.version() // 10000 >= int(ENV.get("PGVEIL_LIBPQ", "0")), "another libpq was loaded")


def tls():
    need_tls()
    truth(db.pgconn.ssl_in_use, "the connection is not encrypted")


def channel_binding():
    # libpq breaks the log-in off when the exchange was not bound and `require` is set, so being here is the proof.
    need_binding()
    same(db.info.get_parameters()["channel_binding"], "require")


def parameters():
    moment = datetime.datetime(2026, 1, 10, 9, 0, 0, 123456, datetime.timezone.utc)
    values = (
        42, TEXT, None, True, decimal.Decimal("12345678901234567890.12"), moment,
        [1, 2, 3], Jsonb({"a": [1, "ü"]}), bytes(range(256)),
    )
    row = db.execute(
        "SELECT %s::int, %s::text, %s::text, %s::bool, %s::numeric, %s::timestamptz, %s::int[], %s::jsonb, %s::bytea", values
    ).fetchone()
    same(row, (*values[:7], {"a": [1, "ü"]}, values[8]))
    same(db.execute("SELECT name FROM products WHERE id = ANY(%s) AND price > %s ORDER BY id", [[1, 2], 10]).fetchall(), [("Teapot",)])


def prepared():
    for wanted in (1, 2, 3):
        row = db.execute("SELECT id, name FROM products WHERE id = %s", [wanted], prepare=True).fetchone()
        same(row[0], wanted)
    names = [*db._prepared._names.values()]
    truth(names, "nothing was prepared")
    described = db.pgconn.describe_prepared(names[-1])
    same([described.fname(0), described.fname(1)], [b"id", b"name"], "description")
    same(described.nparams, 1, "parameters")


def binary():
    row = db.execute("SELECT id, name, price, price::float8 FROM products WHERE id = %s", [1], binary=True).fetchone()
    same(row, (1, "Teapot", decimal.Decimal("29.90"), 29.9))
    same(db.execute("SELECT '2026-01-10'::date, ARRAY[1,NULL,3], %b::bytea", [b"\x00\xff"], binary=True).fetchone(),
         (datetime.date(2026, 1, 10), [1, None, 3], b"\x00\xff"))
    same([email for (email,) in db.execute(EMAILS_SQL, binary=True)], EMAILS)


def cursors():
    with db.transaction():
        with db.cursor("walk") as named:
            named.itersize = 2
            named.execute(EMAILS_SQL)
            same([email for (email,) in named], EMAILS)
        with db.cursor("jump", scrollable=True) as named:
            named.execute("SELECT generate_series(1, 100)")
            same(named.fetchmany(2), [(1,), (2,)])
            named.scroll(50, mode="absolute")
            same(named.fetchone(), (51,))
            named.scroll(-11)
            same(named.fetchone(), (41,))
    # Row by row off the wire, without a cursor of the server's.
    streamed = [email for (email,) in db.cursor().stream(EMAILS_SQL)]
    same(streamed, EMAILS)


def copy():
    rows = [(OWN_ID, "Läuf\ter\n\\", decimal.Decimal("1.50")), (OWN_ID + 1, "Topf", decimal.Decimal("2.00"))]
    with db.transaction(force_rollback=True):
        with db.cursor() as cursor:
            with cursor.copy("COPY products FROM STDIN") as into:
                for row in rows:
                    into.write_row(row)
            same(cursor.rowcount, 2, "rows copied")
            with cursor.copy(f"COPY (SELECT * FROM products WHERE id >= {OWN_ID} ORDER BY id) TO STDOUT") as out:
                out.set_types(["int4", "text", "numeric"])
                same(list(out.rows()), rows)
    with db.cursor().copy("COPY customers (email) TO STDOUT (FORMAT binary)") as out:
        out.set_types(["varchar"])
        same(sorted(email for (email,) in out.rows()), EMAILS)
    with raised(psycopg.errors.QueryCanceled, "an aborted COPY"):
        with db.cursor().copy("COPY products FROM STDIN") as into:
            into.write("not a row")
            raise psycopg.errors.QueryCanceled("the client's own reason")
    same(db.execute("SELECT 1").fetchone(), (1,))


def errors():
    with raised(psycopg.errors.UniqueViolation, "a second product 1") as caught:
        db.execute("INSERT INTO products VALUES (1, 'Again', 1)")
    same(caught[0].sqlstate, "23505")
    same(caught[0].diag.constraint_name, "products_pkey")
    with raised(psycopg.errors.SyntaxError, "a syntax error") as caught:
        db.execute("SELECT 1 FORM products")
    same(caught[0].diag.statement_position, "15", "position")
    with raised(psycopg.errors.UndefinedColumn, "an unknown column") as caught:
        db.execute("SELECT nothing FROM products WHERE id = %s", [1])
    same(caught[0].diag.statement_position, "8", "position")
    same(db.execute("SELECT 1").fetchone(), (1,))


def transactions():
    own = "SELECT count(*) FROM products WHERE id = %s"
    add = "INSERT INTO products VALUES (%s, 'Own', 1)"
    db.autocommit = False
    try:
        db.execute(add, [OWN_ID])
        db.rollback()
        same(db.execute(own, [OWN_ID]).fetchone(), (0,), "after rollback")
        with db.transaction():
            db.execute(add, [OWN_ID])
            with raised(psycopg.errors.UniqueViolation, "the same row"), db.transaction():
                db.execute(add, [OWN_ID])
        db.commit()
        same(db.execute(own, [OWN_ID]).fetchone(), (1,), "after commit")
        same(db.execute("DELETE FROM products WHERE id = %s", [OWN_ID]).rowcount, 1)
        db.commit()
        with raised(psycopg.errors.DivisionByZero, "1/0"):
            db.execute("SELECT 1/0")
        same(db.info.transaction_status.name, "INERROR")
        with raised(psycopg.errors.InFailedSqlTransaction, "a statement after it"):
            db.execute("SELECT 1")
        db.rollback()
        same(db.info.transaction_status.name, "IDLE")
    finally:
        db.rollback()
        db.autocommit = True
    with db.pipeline():
        results = [db.execute("SELECT %s::int", [number]) for number in range(20)]
        same([result.fetchone() for result in results], [(number,) for number in range(20)], "pipeline")


def cancel():
    with soon(db.cancel), raised(psycopg.errors.QueryCanceled, "pg_sleep") as caught:
        db.execute("SELECT pg_sleep(30)")
    same(caught[0].sqlstate, "57014")
    same(db.execute("SELECT 1").fetchone(), (1,))


def listen():
    if GOVERNED:
        with raised(psycopg.errors.InsufficientPrivilege, "LISTEN"):
            db.execute("LISTEN own_channel")
        same(db.execute("SELECT 1").fetchone(), (1,))
        return
    with open_connection() as other:
        db.execute("LISTEN own_channel")
        threading.Timer(0.2, lambda: other.execute("SELECT pg_notify('own_channel', 'häl lo')")).start()
        notice = next(db.notifies())
        same((notice.channel, notice.payload), ("own_channel", "häl lo"))
        db.execute("UNLISTEN *")


def masked():
    same([email for (email,) in db.execute(EMAILS_SQL)], EMAILS)
    shown = db.execute("SELECT notes FROM customers WHERE id = %s", [1]).fetchone()[0]
    same("canary" in shown, not GOVERNED, "notes shown clear")


def disconnect():
    db.close()
    truth(db.closed and not db.broken, "the connection did not end cleanly")
    with raised(psycopg.OperationalError, "a statement after close"):
        db.execute("SELECT 1")
    with open_connection() as again:
        same(again.execute("SELECT 1").fetchone(), (1,))


for name, work in [
    ("connect", connect), ("tls", tls), ("channel-binding", channel_binding), ("parameters", parameters),
    ("prepared", prepared), ("binary", binary), ("cursors", cursors), ("copy", copy), ("errors", errors),
    ("transactions", transactions), ("cancel", cancel), ("listen", listen), ("masked", masked), ("disconnect", disconnect),
]:
    feature(name, work)
