"""SQLAlchemy over psycopg2."""

import io
import select

import psycopg2.errors
import sqlalchemy as sa
from sqlalchemy import orm

import sqlalchemy_programs as programs
from report import (
    BINDING, EMAILS, ENV, GOVERNED, OWN_ID, TLS, NotApplicable, feature, need_binding, need_tls, raised, same, soon, truth,
)

OPTIONS = {}
if TLS:
    OPTIONS.update(sslmode=ENV["PGSSLMODE"], sslrootcert=ENV["PGSSLROOTCERT"])
if BINDING:
    OPTIONS.update(channel_binding="require")

engine = sa.create_engine("postgresql+psycopg2://", connect_args=OPTIONS, future=True)


def over(work):
    """The work over a connection of the pool, in a transaction that is rolled back."""

    def run():
        with engine.connect() as db:
            work(db)

    return run


def raw(work):
    """The work over the driver's own connection."""

    def run():
        db = engine.raw_connection()
        try:
            work(db.driver_connection)
        finally:
            db.close()

    return run


def tls(db):
    need_tls()
    truth(db.info.ssl_in_use, "the connection is not encrypted")


def channel_binding(db):
    need_binding()
    same(db.get_dsn_parameters()["channel_binding"], "require")


def binary():
    raise NotApplicable("psycopg2 asks for text results")


def copy(db):
    source = f"{OWN_ID}\tTopf\t2.00\n"
    with db.cursor() as cursor:
        cursor.copy_expert("COPY products FROM STDIN", io.StringIO(source))
        out = io.StringIO()
        cursor.copy_expert(f"COPY (SELECT * FROM products WHERE id = {OWN_ID}) TO STDOUT", out)
    db.rollback()
    same(out.getvalue(), source)


def cancel():
    with engine.connect() as db:
        with soon(db.connection.driver_connection.cancel), raised(sa.exc.OperationalError, "pg_sleep") as caught:
            db.execute(sa.text("SELECT pg_sleep(30)"))
        same(caught[0].orig.pgcode, "57014")
        db.rollback()
        same(db.execute(programs.ONE).scalar(), 1)


def listen():
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as db:
        if GOVERNED:
            with raised(sa.exc.ProgrammingError, "LISTEN") as caught:
                db.execute(sa.text("LISTEN own_channel"))
            truth(isinstance(caught[0].orig, psycopg2.errors.InsufficientPrivilege), "another error")
            same(db.execute(programs.ONE).scalar(), 1)
            return
        db.execute(sa.text("LISTEN own_channel"))
        with engine.begin() as other:
            other.execute(sa.text("NOTIFY own_channel, 'häl lo'"))
        driver = db.connection.driver_connection
        truth(select.select([driver], [], [], 5)[0], "no notification within 5 s")
        driver.poll()
        same([(notice.channel, notice.payload) for notice in driver.notifies], [("own_channel", "häl lo")])
        db.execute(sa.text("UNLISTEN *"))


def masked():
    with orm.Session(engine) as session:
        programs.masked(session)


def disconnect():
    engine.dispose()
    same(engine.pool.checkedin(), 0)
    eager = sa.create_engine("postgresql+psycopg2://", connect_args=OPTIONS, future=True, pool_pre_ping=True)
    for _ in range(3):
        with eager.connect() as db:
            same(db.execute(programs.ONE).scalar(), 1)
    eager.dispose()


for name, work in [
    ("connect", over(programs.connect)), ("tls", raw(tls)), ("channel-binding", raw(channel_binding)),
    ("parameters", over(programs.parameters)), ("prepared", over(programs.repeated)), ("binary", binary),
    ("cursors", over(programs.cursors)), ("copy", raw(copy)), ("errors", over(programs.errors)),
    ("transactions", over(programs.transactions)), ("cancel", cancel), ("listen", listen), ("masked", masked),
    ("disconnect", disconnect),
]:
    feature(name, work)
