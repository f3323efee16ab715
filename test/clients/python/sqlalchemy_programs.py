"""What both SQLAlchemy programs do: the ORM and Core over one engine. It knows no driver: those come in with the engine."""

import contextlib
import datetime
import decimal

import sqlalchemy as sa
from sqlalchemy import orm
from sqlalchemy.dialects import postgresql as pg

from report import EMAILS, ENV, GOVERNED, MAJOR, OWN_ID, TEXT, raised, same, truth

Base = orm.declarative_base()


class Customer(Base):
    __tablename__ = "customers"
    id = sa.Column(sa.Integer, primary_key=True)
    email = sa.Column(sa.String(200))
    notes = sa.Column(sa.Text)
    orders = orm.relationship("Order", back_populates="customer")


class Order(Base):
    __tablename__ = "orders"
    id = sa.Column(sa.Integer, primary_key=True)
    customer_id = sa.Column(sa.ForeignKey("customers.id"))
    total = sa.Column(sa.Numeric(12, 2))
    customer = orm.relationship(Customer, back_populates="orders")


class Product(Base):
    __tablename__ = "products"
    id = sa.Column(sa.Integer, primary_key=True)
    name = sa.Column(sa.Text)
    price = sa.Column(sa.Numeric(10, 2))


EMAILS_QUERY = sa.select(Customer.email).order_by(Customer.id)
ONE = sa.text("SELECT 1")


def connect(db):
    row = db.execute(sa.text("SELECT current_user::text, current_database()::text")).one()
    same(tuple(row), (ENV["PGUSER"], ENV["PGDATABASE"]))
    same(db.dialect.server_version_info[0], MAJOR, "server version")
    # What it asks of the catalogs.
    seen = sa.inspect(db)
    same([column["name"] for column in seen.get_columns("products")], ["id", "name", "price"])
    same(seen.get_pk_constraint("order_items")["constrained_columns"], ["order_id", "line"])
    same([key["referred_table"] for key in seen.get_foreign_keys("orders")], ["customers"])
    truth("orders_customer" in [index["name"] for index in seen.get_indexes("orders")], "an index is missing")


def parameters(db):
    moment = datetime.datetime(2026, 1, 10, 9, 0, 0, 123456, datetime.timezone.utc)
    given = [
        (42, sa.Integer), (TEXT, sa.Text), (None, sa.Text), (True, sa.Boolean),
        (decimal.Decimal("12345678901234567890.12"), sa.Numeric), (moment, sa.DateTime(timezone=True)),
        ([1, None, 3], sa.ARRAY(sa.Integer)), ({"a": [1, "ü"]}, pg.JSONB), (bytes(range(256)), sa.LargeBinary),
    ]
    row = db.execute(sa.select(*[sa.cast(sa.bindparam(None, value, type_=kind), kind) for value, kind in given])).one()
    same([bytes(one) if isinstance(one, memoryview) else one for one in row], [value for value, _ in given])
    named = sa.select(Product.name).where(Product.id.in_([1, 2]), Product.price > 10)
    same(db.execute(named).scalars().all(), ["Teapot"])


def repeated(db):
    for wanted in (1, 2, 3):
        same(db.execute(sa.select(Product.id, Product.name).where(Product.id == wanted)).one()[0], wanted)


def cursors(db):
    streamed = db.execution_options(stream_results=True, max_row_buffer=2).execute(EMAILS_QUERY)
    same(streamed.scalars().all(), EMAILS)


def errors(db):
    with raised(sa.exc.IntegrityError, "a second product 1") as caught, nested(db):
        db.execute(sa.insert(Product).values(id=1, name="Again", price=1))
    same(sqlstate(caught[0]), "23505")
    with raised(sa.exc.ProgrammingError, "a syntax error") as caught, nested(db):
        db.execute(sa.text("SELECT 1 FORM products"))
    same(sqlstate(caught[0]), "42601")
    same(db.execute(ONE).scalar(), 1)


def transactions(db):
    """Needs a connection outside a transaction."""
    add = sa.insert(Product).values(id=OWN_ID, name="Own", price=1)
    count = sa.select(sa.func.count()).select_from(Product).where(Product.id == OWN_ID)
    with db.begin() as transaction:
        db.execute(add)
        transaction.rollback()
    with db.begin():
        same(db.execute(count).scalar(), 0, "after rollback")
        db.execute(add)
        with raised(sa.exc.IntegrityError, "the same row"), db.begin_nested():
            db.execute(add)
    with db.begin():
        same(db.execute(count).scalar(), 1, "after commit")
        upsert = pg.insert(Product).values(id=OWN_ID, name="Other", price=2)
        upsert = upsert.on_conflict_do_update(index_elements=["id"], set_={"name": upsert.excluded.name})
        same(db.execute(upsert.returning(Product.name)).scalar(), "Other")
        same(db.execute(sa.delete(Product).where(Product.id == OWN_ID)).rowcount, 1)
    with raised(sa.exc.DBAPIError, "a statement in a failed transaction") as caught, db.begin():
        with raised(sa.exc.DBAPIError, "1/0"):
            db.execute(sa.text("SELECT 1/0"))
        db.execute(ONE)
    same(sqlstate(caught[0]), "25P02")


def masked(session):
    """Through the ORM: relations, and a record that is shown and saved."""
    same(session.execute(EMAILS_QUERY).scalars().all(), EMAILS)
    ada = session.get(Customer, 1, options=[orm.selectinload(Customer.orders)])
    same([order.id for order in ada.orders if order.id < 15], [10, 14])
    same("canary" in ada.notes, not GOVERNED, "notes shown clear")
    ada.email, shown = ada.email + "x", ada.email
    session.flush()
    ada.email = shown
    session.flush()
    session.rollback()
    same(session.get(Customer, 1).email, EMAILS[0])


def sqlstate(error):
    return getattr(error.orig, "pgcode", None) or getattr(error.orig, "sqlstate", None)


@contextlib.contextmanager
def nested(db):
    with db.begin_nested():
        yield
