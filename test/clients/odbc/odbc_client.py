"""psqlodbc (PostgreSQL's ODBC driver, on libpq) under unixODBC and pyodbc, without a DSN."""

import datetime
import decimal
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "python"))

import pyodbc

from report import (
    BINDING, EMAILS, EMAILS_SQL, ENV, GOVERNED, MAJOR, OWN_ID, TLS,
    NotApplicable, feature, need_binding, need_tls, raised, same, soon, truth,
)

# unixODBC converts to UTF-16, and psqlodbc counts a character outside the first plane as two.
TEXT = "it's \"quoted\" \\ größe 日本 ?"
OTHER_AUTHORITY = os.path.join(os.path.dirname(__file__), "..", "other-authority.crt")

pyodbc.pooling = False


def open_connection(root=ENV.get("PGSSLROOTCERT"), **more):
    settings = {
        "DRIVER": "{PostgreSQL Unicode}", "SERVER": ENV["PGHOST"], "PORT": ENV["PGPORT"], "DATABASE": ENV["PGDATABASE"],
        "UID": ENV["PGUSER"], "PWD": ENV["PGPASSWORD"], "SSLmode": ENV["PGSSLMODE"], "BoolsAsChar": "0",
    }
    # What psqlodbc has no word for goes to libpq in pqopt.
    libpq = []
    if TLS:
        libpq.append(f"sslrootcert={root}")
    if BINDING:
        libpq.append("channel_binding=require")
    if libpq:
        settings["pqopt"] = "{" + " ".join(libpq) + "}"
    settings.update(more)
    return pyodbc.connect(";".join(f"{key}={value}" for key, value in settings.items()), autocommit=True)


db = open_connection()


def rows(sql, *values):
    return [tuple(row) for row in db.execute(sql, *values).fetchall()]


def state(error):
    return error.args[0]


def connect():
    same(rows("SELECT current_user::text, current_database()::text"), [(ENV["PGUSER"], ENV["PGDATABASE"])])
    same(int(db.getinfo(pyodbc.SQL_DBMS_VER).split(".")[0]), MAJOR, "server version")
    # What tools ask of the catalogs.
    cursor = db.cursor()
    same([row.column_name for row in cursor.columns(table="products", schema="public")], ["id", "name", "price"])
    same([row.column_name for row in cursor.primaryKeys("order_items", schema="public")], ["order_id", "line"])
    same([row.table_name for row in cursor.tables(table="orders", schema="public")], ["orders"])
    same([row.fkcolumn_name for row in cursor.foreignKeys(foreignTable="payments", foreignSchema="public")], ["customer_id"])


def tls():
    need_tls()
    # verify-full connects over verified TLS or not at all; that it does verify, another authority's certificate shows.
    with raised(pyodbc.Error, "another authority's certificate") as caught:
        open_connection(root=OTHER_AUTHORITY)
    truth("certificate verify failed" in str(caught[0]), f"not the certificate: {caught[0]}")


def channel_binding():
    # libpq breaks the log-in off when the exchange was not bound and `require` is set, so being here is the proof.
    need_binding()


def parameters():
    moment = datetime.datetime(2026, 1, 10, 9, 0, 0, 123456)
    given = (42, TEXT, None, True, decimal.Decimal("12345678901234567890.12"), moment, "{1,NULL,3}", '{"a": [1, "ü"]}', bytes(range(256)))
    sql = "SELECT ?::int, ?::text, ?::text, ?::bool, ?::numeric(38,2), ?::timestamp, ?::int[], ?::jsonb, ?::bytea"
    for server in ("1", "0"):
        with open_connection(UseServerSidePrepare=server) as one:
            row = tuple(one.execute(sql, *given).fetchone())
            same((bool(row[3]), *row[:3], *row[4:]), (True, *given[:3], *given[4:]), f"UseServerSidePrepare={server}")
    same(rows("SELECT name FROM products WHERE id IN (?, ?) AND price > ?", 1, 2, 10), [("Teapot",)])
    cursor = db.cursor()
    db.autocommit = False
    try:
        cursor.executemany("INSERT INTO products VALUES (?, ?, ?)", [(OWN_ID + at, "Many", 1) for at in range(5)])
        same(cursor.execute("SELECT count(*)::int FROM products WHERE id >= ?", OWN_ID).fetchval(), 5)
    finally:
        db.rollback()
        db.autocommit = True


def prepared():
    cursor = db.cursor()
    for wanted in (1, 2, 3):
        same(cursor.execute("SELECT id, name FROM products WHERE id = ?", wanted).fetchone()[0], wanted)
    same([column[0] for column in cursor.description], ["id", "name"], "description")


def binary():
    raise NotApplicable("psqlodbc asks for text results")


def cursors():
    # The driver declares a cursor by itself and fetches two rows at a time.
    with open_connection(UseDeclareFetch="1", Fetch="2") as walking:
        same([email for (email,) in walking.execute(EMAILS_SQL)], EMAILS)
        walking.autocommit = False
        cursor = walking.execute("SELECT generate_series(1, 101)")
        same(sum(number for (number,) in cursor), 5151)
        walking.rollback()
    db.autocommit = False
    try:
        db.execute(f"DECLARE walk CURSOR FOR {EMAILS_SQL}")
        same([email for (email,) in rows("FETCH ALL FROM walk")], EMAILS)
    finally:
        db.rollback()
        db.autocommit = True


def copy():
    raise NotApplicable("ODBC has no COPY")


def errors():
    with raised(pyodbc.IntegrityError, "a second product 1") as caught:
        db.execute("INSERT INTO products VALUES (1, 'Again', 1)")
    same(state(caught[0]), "23505")
    truth('"products_pkey"' in str(caught[0]), "the constraint is not named")
    # psqlodbc passes no position on.
    with raised(pyodbc.ProgrammingError, "a syntax error") as caught:
        db.execute("SELECT 1 FORM products")
    same(state(caught[0]), "42601")
    same(rows("SELECT 1"), [(1,)])


def transactions():
    add = "INSERT INTO products VALUES (?, 'Own', 1)"
    own = "SELECT count(*)::int FROM products WHERE id = ?"
    # 0: an error fails the transaction; 2: the driver sets a savepoint before each statement.
    with open_connection(Protocol="7.4-0") as one:
        one.autocommit = False
        one.execute(add, OWN_ID)
        one.rollback()
        same(one.execute(own, OWN_ID).fetchval(), 0, "after rollback")
        one.execute(add, OWN_ID)
        one.execute("SAVEPOINT one")
        with raised(pyodbc.IntegrityError, "the same row"):
            one.execute(add, OWN_ID)
        one.execute("ROLLBACK TO SAVEPOINT one")
        one.commit()
        same(one.execute(own, OWN_ID).fetchval(), 1, "after commit")
        same(one.execute("DELETE FROM products WHERE id = ?", OWN_ID).rowcount, 1)
        one.commit()
        with raised(pyodbc.Error, "1/0") as caught:
            one.execute("SELECT 1/0")
        same(state(caught[0]), "22012")
        with raised(pyodbc.Error, "a statement after it") as caught:
            one.execute("SELECT 1")
        same(state(caught[0]), "25P02")
        one.rollback()
    with open_connection(Protocol="7.4-2") as careful:
        careful.autocommit = False
        careful.execute("SELECT 1")
        with raised(pyodbc.Error, "1/0"):
            careful.execute("SELECT 1/0")
        same(careful.execute("SELECT 1").fetchval(), 1)
        careful.rollback()


def cancel():
    cursor = db.cursor()
    with soon(cursor.cancel), raised(pyodbc.Error, "pg_sleep") as caught:
        cursor.execute("SELECT pg_sleep(30)")
    truth(state(caught[0]) in ("57014", "HY008"), f"another error: {caught[0]}")
    same(rows("SELECT 1"), [(1,)])


def listen():
    if GOVERNED:
        with raised(pyodbc.Error, "LISTEN") as caught:
            db.execute("LISTEN own_channel")
        same(state(caught[0]), "42501")
    else:
        # ODBC hands no notification on; those that come must do no harm.
        db.execute("LISTEN own_channel")
        db.execute("NOTIFY own_channel, 'hello'")
        db.execute("UNLISTEN *")
    same(rows("SELECT 1"), [(1,)])


def masked():
    same([email for (email,) in rows(EMAILS_SQL)], EMAILS)
    same("canary" in rows("SELECT notes FROM customers WHERE id = ?", 1)[0][0], not GOVERNED, "notes shown clear")


def disconnect():
    db.close()
    with raised(pyodbc.ProgrammingError, "a statement after close"):
        db.execute("SELECT 1")
    with open_connection() as again:
        same(again.execute("SELECT 1").fetchval(), 1)


for name, work in [
    ("connect", connect), ("tls", tls), ("channel-binding", channel_binding), ("parameters", parameters),
    ("prepared", prepared), ("binary", binary), ("cursors", cursors), ("copy", copy), ("errors", errors),
    ("transactions", transactions), ("cancel", cancel), ("listen", listen), ("masked", masked), ("disconnect", disconnect),
]:
    feature(name, work)
