"""asyncpg, which speaks the protocol by itself: binary parameters and results, named prepared statements, portals."""

import asyncio
import datetime
import decimal
import io
import json
import ssl

import asyncpg

from report import (
    EMAILS, EMAILS_SQL, ENV, GOVERNED, MAJOR, OWN_ID, TEXT, TLS,
    NotApplicable, feature, need_tls, raised, same, truth,
)

loop = asyncio.new_event_loop()


async def open_connection():
    context = False
    if TLS:
        context = ssl.create_default_context(cafile=ENV["PGSSLROOTCERT"])
    connection = await asyncpg.connect(
        host=ENV["PGHOST"], port=int(ENV["PGPORT"]), user=ENV["PGUSER"], password=ENV["PGPASSWORD"],
        database=ENV["PGDATABASE"], ssl=context, timeout=10,
    )
    await connection.set_type_codec("jsonb", schema="pg_catalog", encoder=json.dumps, decoder=json.loads)
    return connection


db = loop.run_until_complete(open_connection())


async def connect():
    row = await db.fetchrow("SELECT current_user::text, current_database()::text")
    same(tuple(row), (ENV["PGUSER"], ENV["PGDATABASE"]))
    same(db.get_server_version().major, MAJOR, "server version")
    same(db.get_settings().client_encoding, "UTF8", "encoding")


async def tls():
    need_tls()
    truth(db._transport.get_extra_info("cipher"), "the connection is not encrypted")


async def channel_binding():
    raise NotApplicable("asyncpg 0.27 has no channel binding")


async def parameters():
    moment = datetime.datetime(2026, 1, 10, 9, 0, 0, 123456, datetime.timezone.utc)
    values = (42, TEXT, None, True, decimal.Decimal("12345678901234567890.12"), moment, [1, None, 3], {"a": [1, "ü"]}, bytes(range(256)))
    row = await db.fetchrow(
        "SELECT $1::int, $2::text, $3::text, $4::bool, $5::numeric, $6::timestamptz, $7::int[], $8::jsonb, $9::bytea", *values
    )
    same(tuple(row), values)
    names = await db.fetch("SELECT name FROM products WHERE id = ANY($1) AND price > $2", [1, 2], decimal.Decimal(10))
    same([row["name"] for row in names], ["Teapot"])
    # A type that asyncpg does not know makes it ask the catalogs.
    same(await db.fetchval("SELECT $1::products", (7, "Can", decimal.Decimal("1.00"))), (7, "Can", decimal.Decimal("1.00")))


async def prepared():
    statement = await db.prepare("SELECT id, name FROM products WHERE id = $1")
    for wanted in (1, 2, 3):
        same((await statement.fetchrow(wanted))["id"], wanted)
    same([column.name for column in statement.get_attributes()], ["id", "name"], "description")
    same([one.name for one in statement.get_parameters()], ["int4"], "parameters")
    # The cache prepares under a name of its own, and describes once.
    for wanted in (1, 2, 3):
        same(await db.fetchval("SELECT id FROM products WHERE id = $1", wanted), wanted)


async def binary():
    row = await db.fetchrow("SELECT id, name, price, price::float8, '2026-01-10'::date AS day FROM products WHERE id = 1")
    same(tuple(row), (1, "Teapot", decimal.Decimal("29.90"), 29.9, datetime.date(2026, 1, 10)))
    same([row["email"] for row in await db.fetch(EMAILS_SQL)], EMAILS)


async def cursors():
    async with db.transaction():
        # An Execute with a row limit, again and again on one portal.
        found = [row["email"] async for row in db.cursor(EMAILS_SQL, prefetch=2)]
        same(found, EMAILS)
        cursor = await db.cursor("SELECT generate_series(1, $1::int)", 100)
        same([row[0] for row in await cursor.fetch(2)], [1, 2])
        same(await cursor.forward(48), 48)
        same((await cursor.fetchrow())[0], 51)
        # Another statement while the portal is suspended.
        same(await db.fetchval("SELECT 1"), 1)
        same((await cursor.fetchrow())[0], 52)
    await db.execute("BEGIN; DECLARE walk CURSOR FOR " + EMAILS_SQL)
    same([row[0] for row in await db.fetch("FETCH ALL FROM walk")], EMAILS)
    await db.execute("CLOSE walk; COMMIT")


async def copy():
    records = [(OWN_ID, "Läuf\ter\n\\", decimal.Decimal("1.50")), (OWN_ID + 1, "Topf", decimal.Decimal("2.00"))]
    transaction = db.transaction()
    await transaction.start()
    try:
        # FORMAT binary both ways.
        same(await db.copy_records_to_table("products", records=records, columns=["id", "name", "price"]), "COPY 2")
        out = io.BytesIO()
        await db.copy_from_query("SELECT * FROM products WHERE id >= $1 ORDER BY id", OWN_ID, output=out)
        same(out.getvalue().decode(), f"{OWN_ID}\tLäuf\\ter\\n\\\\\t1.50\n{OWN_ID + 1}\tTopf\t2.00\n")
    finally:
        await transaction.rollback()
    out = io.BytesIO()
    await db.copy_from_table("customers", columns=["email"], output=out)
    same(sorted(out.getvalue().decode().split()), EMAILS)
    with raised(asyncpg.PostgresError, "a row that is none"):
        await db.copy_to_table("products", source=io.BytesIO(b"x\ty\tz\n"))
    same(await db.fetchval("SELECT 1"), 1)


async def errors():
    with raised(asyncpg.UniqueViolationError, "a second product 1") as caught:
        await db.execute("INSERT INTO products VALUES (1, 'Again', 1)")
    same((caught[0].sqlstate, caught[0].constraint_name), ("23505", "products_pkey"))
    for run in (db.execute, db.fetch):
        with raised(asyncpg.PostgresSyntaxError, "a syntax error") as caught:
            await run("SELECT 1 FORM products")
        same(caught[0].position, "15", "position")
    same(await db.fetchval("SELECT 1"), 1)


async def transactions():
    own = "SELECT count(*) FROM products WHERE id = $1"
    add = "INSERT INTO products VALUES ($1, 'Own', 1)"
    with raised(ZeroDivisionError, "the client's own error"):
        async with db.transaction():
            await db.execute(add, OWN_ID)
            raise ZeroDivisionError
    same(await db.fetchval(own, OWN_ID), 0, "after rollback")
    async with db.transaction():
        await db.execute(add, OWN_ID)
        with raised(asyncpg.UniqueViolationError, "the same row"):
            async with db.transaction():
                await db.execute(add, OWN_ID)
    same(await db.fetchval(own, OWN_ID), 1, "after commit")
    same(await db.execute("DELETE FROM products WHERE id = $1", OWN_ID), "DELETE 1")
    transaction = db.transaction()
    await transaction.start()
    with raised(asyncpg.DivisionByZeroError, "1/0"):
        await db.fetch("SELECT 1/0")
    with raised(asyncpg.InFailedSQLTransactionError, "a statement after it"):
        await db.fetch("SELECT 1")
    await transaction.rollback()
    async with db.transaction(isolation="serializable", readonly=True, deferrable=True):
        with raised(asyncpg.ReadOnlySQLTransactionError, "a write in a read-only transaction"):
            async with db.transaction():
                await db.execute(add, OWN_ID)
    same(db.is_in_transaction(), False)


async def cancel():
    # A time-out of asyncpg sends a CancelRequest and waits for its effect.
    started = loop.time()
    with raised(asyncio.TimeoutError, "pg_sleep"):
        await db.fetch("SELECT pg_sleep(30)", timeout=0.4)
    truth(loop.time() - started < 5, "the cancelled statement took more than 5 s")
    same(await db.fetchval("SELECT 1"), 1)
    with raised(asyncpg.QueryCanceledError, "a statement behind statement_timeout") as caught:
        await db.execute("SET statement_timeout = 100; SELECT pg_sleep(30)")
    same(caught[0].sqlstate, "57014")
    await db.execute("RESET statement_timeout")


async def listen():
    if GOVERNED:
        with raised(asyncpg.InsufficientPrivilegeError, "LISTEN"):
            await db.add_listener("own_channel", lambda *_: None)
        same(await db.fetchval("SELECT 1"), 1)
        return
    heard = loop.create_future()
    await db.add_listener("own_channel", lambda _db, _pid, channel, payload: heard.set_result((channel, payload)))
    other = await open_connection()
    await other.execute("NOTIFY own_channel, 'häl lo'")
    await other.close()
    same(await asyncio.wait_for(heard, 5), ("own_channel", "häl lo"))
    await db.reset()


async def masked():
    same([row["email"] for row in await db.fetch(EMAILS_SQL)], EMAILS)
    same("canary" in await db.fetchval("SELECT notes FROM customers WHERE id = $1", 1), not GOVERNED, "notes shown clear")


async def disconnect():
    await db.close(timeout=5)
    with raised(asyncpg.InterfaceError, "a statement after close"):
        await db.fetch("SELECT 1")
    # A pool resets each connection that it takes back: advisory locks, cursors, listeners, settings.
    pool = await asyncpg.create_pool(
        host=ENV["PGHOST"], port=int(ENV["PGPORT"]), user=ENV["PGUSER"], password=ENV["PGPASSWORD"],
        database=ENV["PGDATABASE"], ssl=ssl.create_default_context(cafile=ENV["PGSSLROOTCERT"]) if TLS else False,
        min_size=1, max_size=2,
    )
    for _ in range(4):
        async with pool.acquire() as one:
            same(await one.fetchval("SELECT 1"), 1)
    await asyncio.wait_for(pool.close(), 5)


for name, work in [
    ("connect", connect), ("tls", tls), ("channel-binding", channel_binding), ("parameters", parameters),
    ("prepared", prepared), ("binary", binary), ("cursors", cursors), ("copy", copy), ("errors", errors),
    ("transactions", transactions), ("cancel", cancel), ("listen", listen), ("masked", masked), ("disconnect", disconnect),
]:
    feature(name, lambda work=work: loop.run_until_complete(work()))
