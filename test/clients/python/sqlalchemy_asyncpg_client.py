"""SQLAlchemy over asyncpg: its own prepared statements, binary results, portals."""

import asyncio
import io
import ssl

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

import sqlalchemy_programs as programs
from report import EMAILS, ENV, GOVERNED, OWN_ID, TLS, NotApplicable, feature, need_tls, raised, same, truth

URL = sa.engine.URL.create(
    "postgresql+asyncpg", ENV["PGUSER"], ENV["PGPASSWORD"], ENV["PGHOST"], int(ENV["PGPORT"]), ENV["PGDATABASE"]
)
OPTIONS = {"ssl": ssl.create_default_context(cafile=ENV["PGSSLROOTCERT"]) if TLS else False}
loop = asyncio.new_event_loop()
engine = create_async_engine(URL, connect_args=OPTIONS)


def over(work):
    """The work over a connection of the pool, in a transaction that is rolled back."""

    async def run():
        async with engine.connect() as db:
            await db.run_sync(work)

    return run


def raw(work):
    """The work over the driver's own connection."""

    async def run():
        async with engine.connect() as db:
            await work((await db.get_raw_connection()).driver_connection)

    return run


async def tls(db):
    need_tls()
    truth(db._transport.get_extra_info("cipher"), "the connection is not encrypted")


async def channel_binding():
    raise NotApplicable("asyncpg 0.27 has no channel binding")


async def binary():
    # asyncpg knows no other format for results; floats and numerics come as they are.
    async with engine.connect() as db:
        row = (await db.execute(sa.text("SELECT 29.9::float8, ARRAY[1, 2], '2026-01-10'::date"))).one()
        same((row[0], row[1], row[2].isoformat()), (29.9, [1, 2], "2026-01-10"))
        same((await db.execute(programs.EMAILS_QUERY)).scalars().all(), EMAILS)


async def cursors():
    async with engine.connect() as db:
        found = [row async for row in (await db.stream(programs.EMAILS_QUERY)).scalars()]
        same(found, EMAILS)


async def copy(db):
    transaction = db.transaction()
    await transaction.start()
    try:
        same(await db.copy_records_to_table("products", records=[(OWN_ID, "Topf", 2)]), "COPY 1")
        out = io.BytesIO()
        await db.copy_from_query(f"SELECT * FROM products WHERE id = {OWN_ID}", output=out)
    finally:
        await transaction.rollback()
    same(out.getvalue().decode(), f"{OWN_ID}\tTopf\t2.00\n")


async def cancel():
    started = loop.time()
    async with engine.connect() as db:
        driver = (await db.get_raw_connection()).driver_connection
        with raised(asyncio.TimeoutError, "pg_sleep"):
            await driver.fetch("SELECT pg_sleep(30)", timeout=0.4)
        truth(loop.time() - started < 5, "the cancelled statement took more than 5 s")
        same((await db.execute(programs.ONE)).scalar(), 1)
    # A task that is cancelled while it waits ends its connection.
    with raised(asyncio.TimeoutError, "a task"):
        async with engine.connect() as db:
            await asyncio.wait_for(db.execute(sa.text("SELECT pg_sleep(30)")), 0.4)
    truth(loop.time() - started < 5, "the cancelled task took more than 5 s")
    async with engine.connect() as db:
        same((await db.execute(programs.ONE)).scalar(), 1)


async def listen():
    async with engine.connect() as db:
        driver = (await db.get_raw_connection()).driver_connection
        if GOVERNED:
            with raised(Exception, "LISTEN") as caught:
                await driver.add_listener("own_channel", lambda *_: None)
            same(caught[0].sqlstate, "42501")
            same(await driver.fetchval("SELECT 1"), 1)
            return
        heard = loop.create_future()
        await driver.add_listener("own_channel", lambda _db, _pid, channel, payload: heard.set_result((channel, payload)))
        async with engine.begin() as other:
            await other.execute(sa.text("NOTIFY own_channel, 'häl lo'"))
        same(await asyncio.wait_for(heard, 5), ("own_channel", "häl lo"))
        await driver.reset()


async def masked():
    async with AsyncSession(engine) as session:
        await session.run_sync(programs.masked)


async def disconnect():
    await asyncio.wait_for(engine.dispose(), 5)
    async with engine.connect() as db:
        same((await db.execute(programs.ONE)).scalar(), 1)
    await asyncio.wait_for(engine.dispose(), 5)


for name, work in [
    ("connect", over(programs.connect)), ("tls", raw(tls)), ("channel-binding", channel_binding),
    ("parameters", over(programs.parameters)), ("prepared", over(programs.repeated)), ("binary", binary),
    ("cursors", cursors), ("copy", raw(copy)), ("errors", over(programs.errors)),
    ("transactions", over(programs.transactions)), ("cancel", cancel), ("listen", listen), ("masked", masked),
    ("disconnect", disconnect),
]:
    feature(name, lambda work=work: loop.run_until_complete(work()))
