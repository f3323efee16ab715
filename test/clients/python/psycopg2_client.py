"""psycopg2 on libpq."""

import datetime
import decimal
import io
import select
import threading

import psycopg2
import psycopg2.extensions
import psycopg2.extras
from psycopg2 import errors as pg_errors

from report import (
    BINDING, EMAILS, EMAILS_SQL, ENV, GOVERNED, MAJOR, OWN_ID, TEXT, TLS,
    NotApplicable, feature, need_binding, need_tls, raised, same, soon, truth,
)

OPTIONS = {}
if TLS:
    OPTIONS.update(sslmode=ENV["PGSSLMODE"], sslrootcert=ENV["PGSSLROOTCERT"])
if BINDING:
    OPTIONS.update(channel_binding="require")


def open_connection():
    connection = psycopg2.connect("", **OPTIONS)
    connection.autocommit = True
    return connection


db = open_connection()


def rows(sql, values=None):
    with db.cursor() as cursor:
        cursor.execute(sql, values)
        return cursor.fetchall()


def connect():
    same(rows("SELECT current_user::text, current_database()::text"), [(ENV["PGUSER"], ENV["PGDATABASE"])])
    same(db.server_version // 10000, MAJOR, "server_version")
    same(db.encoding, "UTF8", "encoding")


def tls():
    need_tls()
    truth(db.info.ssl_in_use, "the connection is not encrypted")


def channel_binding():
    # libpq breaks the log-in off when the exchange was not bound and `require` is set, so being here is the proof.
    need_binding()
    same(db.get_dsn_parameters()["channel_binding"], "require")


def parameters():
    moment = datetime.datetime(2026, 1, 10, 9, 0, 0, 123456, datetime.timezone.utc)
    values = (42, TEXT, None, True, decimal.Decimal("12345678901234567890.12"), moment, [1, 2, 3])
    found = rows(
        "SELECT %s::int, %s::text, %s::text, %s::bool, %s::numeric, %s::timestamptz, %s::int[], %s::jsonb, %s::bytea",
        (*values, psycopg2.extras.Json({"a": [1, "ü"]}), psycopg2.Binary(bytes(range(256)))),
    )[0]
    same(found[:8], (*values, {"a": [1, "ü"]}))
    same(bytes(found[8]), bytes(range(256)))
    with db.cursor() as cursor:
        pairs = psycopg2.extras.execute_values(
            cursor, "SELECT * FROM (VALUES %s) AS given (id, name) ORDER BY id", [(2, "b"), (1, "a")], fetch=True
        )
        same(pairs, [(1, "a"), (2, "b")])
    same(rows("SELECT name FROM products WHERE id IN %(ids)s AND price > %(low)s", {"ids": (1, 2), "low": 10}), [("Teapot",)])


def prepared():
    # psycopg2 has no call for it: PREPARE is a statement, as its users write it.
    with db.cursor() as cursor:
        cursor.execute("PREPARE one (int) AS SELECT id, name FROM products WHERE id = $1")
        for wanted in (1, 2, 3):
            cursor.execute("EXECUTE one (%s)", [wanted])
            same(cursor.fetchone()[0], wanted)
            same([column.name for column in cursor.description], ["id", "name"], "description")
        cursor.execute("DEALLOCATE one")


def binary():
    raise NotApplicable("psycopg2 asks for text results")


def cursors():
    db.autocommit = False
    try:
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
        with db.cursor("kept", withhold=True) as named:
            named.execute("SELECT id FROM products ORDER BY id")
            db.commit()
            same(named.fetchall(), [(1,), (2,), (3,)])
    finally:
        db.rollback()
        db.autocommit = True


def copy():
    source = f"{OWN_ID}\tL\u00e4uf\\ter\\n\\\\\t1.50\n{OWN_ID + 1}\tTopf\t2.00\n"
    db.autocommit = False
    try:
        with db.cursor() as cursor:
            cursor.copy_from(io.StringIO(source), "products", columns=("id", "name", "price"))
            same(cursor.rowcount, 2, "rows copied")
            out = io.StringIO()
            cursor.copy_expert(f"COPY (SELECT * FROM products WHERE id >= {OWN_ID} ORDER BY id) TO STDOUT", out)
            same(out.getvalue(), source)
    finally:
        db.rollback()
        db.autocommit = True
    with db.cursor() as cursor:
        out = io.StringIO()
        cursor.copy_to(out, "customers", columns=("email",))
        same(sorted(out.getvalue().split()), EMAILS)
        with raised(pg_errors.InvalidTextRepresentation, "a row that is none"):
            cursor.copy_from(io.StringIO("x\ty\tz\n"), "products")
    same(rows("SELECT 1"), [(1,)])


def errors():
    with raised(pg_errors.UniqueViolation, "a second product 1") as caught:
        rows("INSERT INTO products VALUES (1, 'Again', 1)")
    same(caught[0].pgcode, "23505")
    same(caught[0].diag.constraint_name, "products_pkey")
    with raised(pg_errors.SyntaxError, "a syntax error") as caught:
        rows("SELECT 1 FORM products")
    same(caught[0].diag.statement_position, "15", "position")
    same(rows("SELECT 1"), [(1,)])


def transactions():
    own = "SELECT count(*)::int FROM products WHERE id = %s"
    add = "INSERT INTO products VALUES (%s, 'Own', 1)"
    db.autocommit = False
    cursor = db.cursor()
    try:
        cursor.execute(add, [OWN_ID])
        db.rollback()
        same(rows(own, [OWN_ID]), [(0,)], "after rollback")
        cursor.execute(add, [OWN_ID])
        cursor.execute("SAVEPOINT one")
        with raised(pg_errors.UniqueViolation, "the same row"):
            cursor.execute(add, [OWN_ID])
        cursor.execute("ROLLBACK TO SAVEPOINT one")
        db.commit()
        same(rows(own, [OWN_ID]), [(1,)], "after commit")
        cursor.execute("DELETE FROM products WHERE id = %s", [OWN_ID])
        same(cursor.rowcount, 1)
        db.commit()
        with raised(pg_errors.DivisionByZero, "1/0"):
            cursor.execute("SELECT 1/0")
        with raised(pg_errors.InFailedSqlTransaction, "a statement after it"):
            cursor.execute("SELECT 1")
        same(db.get_transaction_status(), psycopg2.extensions.TRANSACTION_STATUS_INERROR)
        db.rollback()
        db.set_session(isolation_level="SERIALIZABLE", readonly=True)
        with raised(pg_errors.ReadOnlySqlTransaction, "a write in a read-only transaction"):
            cursor.execute(add, [OWN_ID])
    finally:
        db.rollback()
        db.set_session(isolation_level="DEFAULT", readonly="DEFAULT")
        db.autocommit = True


def cancel():
    with soon(db.cancel), raised(pg_errors.QueryCanceled, "pg_sleep") as caught:
        rows("SELECT pg_sleep(30)")
    same(caught[0].pgcode, "57014")
    same(rows("SELECT 1"), [(1,)])


def listen():
    if GOVERNED:
        with raised(pg_errors.InsufficientPrivilege, "LISTEN"):
            rows("LISTEN own_channel")
        same(rows("SELECT 1"), [(1,)])
        return
    other = open_connection()
    db.cursor().execute("LISTEN own_channel")
    threading.Timer(0.2, lambda: other.cursor().execute("NOTIFY own_channel, 'häl lo'")).start()
    truth(select.select([db], [], [], 5)[0], "no notification within 5 s")
    db.poll()
    same([(notice.channel, notice.payload) for notice in db.notifies], [("own_channel", "häl lo")])
    db.cursor().execute("UNLISTEN *")
    other.close()


def masked():
    same([email for (email,) in rows(EMAILS_SQL)], EMAILS)
    same("canary" in rows("SELECT notes FROM customers WHERE id = %s", [1])[0][0], not GOVERNED, "notes shown clear")


def disconnect():
    db.close()
    with raised(psycopg2.InterfaceError, "a statement after close"):
        rows("SELECT 1")
    again = open_connection()
    again.reset()
    same(again.status, psycopg2.extensions.STATUS_READY)
    again.close()


for name, work in [
    ("connect", connect), ("tls", tls), ("channel-binding", channel_binding), ("parameters", parameters),
    ("prepared", prepared), ("binary", binary), ("cursors", cursors), ("copy", copy), ("errors", errors),
    ("transactions", transactions), ("cancel", cancel), ("listen", listen), ("masked", masked), ("disconnect", disconnect),
]:
    feature(name, work)
