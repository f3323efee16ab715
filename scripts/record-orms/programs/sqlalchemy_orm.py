import os
import psycopg2
import sqlalchemy
from sqlalchemy import (BigInteger, Boolean, Column, Date, DateTime, ForeignKey, Identity, Integer, MetaData, Numeric, SmallInteger, String, Text,
    and_, bindparam, case, cast, create_engine, delete, desc, exists, func, insert, inspect, literal, or_, select, text, tuple_, union_all, update)
from sqlalchemy.dialects.postgresql import JSONB, aggregate_order_by, insert as pg_insert
from sqlalchemy.orm import Session, aliased, contains_eager, declarative_base, joinedload, load_only, relationship, selectinload, subqueryload
from steps import RollBack, finish, step

Base = declarative_base()


class Customer(Base):
    __tablename__ = "customers"
    id = Column(Integer, Identity(), primary_key=True)
    first_name = Column(Text, nullable=False)
    last_name = Column(Text, nullable=False)
    email = Column(String(200), unique=True)
    phone = Column(String(30))
    birth_date = Column(Date)
    region = Column(Text, nullable=False, server_default="EU")
    notes = Column(Text)
    profile = Column(JSONB)
    do_not_call = Column(Boolean, nullable=False, server_default="false")
    restricted_at = Column(DateTime(timezone=True))
    created_at = Column(DateTime(timezone=True), server_default=func.now())
    orders = relationship("Order", back_populates="customer")
    tickets = relationship("Ticket")


class Order(Base):
    __tablename__ = "orders"
    id = Column(Integer, primary_key=True, autoincrement=False)
    customer_id = Column(ForeignKey("customers.id"), nullable=False)
    total = Column(Numeric(12, 2), nullable=False)
    status = Column(Text, nullable=False)
    placed_at = Column(DateTime(timezone=True), server_default=func.now())
    customer = relationship("Customer", back_populates="orders")
    items = relationship("Item", cascade="all, delete-orphan")


class Item(Base):
    __tablename__ = "order_items"
    order_id = Column(ForeignKey("orders.id"), primary_key=True)
    line = Column(SmallInteger, primary_key=True)
    product_id = Column(ForeignKey("products.id"), nullable=False)
    quantity = Column(Integer, nullable=False)
    product = relationship("Product")
    __mapper_args__ = {"version_id_col": quantity}


class Product(Base):
    __tablename__ = "products"
    id = Column(Integer, primary_key=True, autoincrement=False)
    name = Column(Text, nullable=False)
    price = Column(Numeric(10, 2), nullable=False)


class Ticket(Base):
    __tablename__ = "tickets"
    id = Column(Integer, primary_key=True, autoincrement=False)
    customer_id = Column(ForeignKey("customers.id"), nullable=False)
    region = Column(Text, nullable=False)
    subject = Column(Text, nullable=False)
    opened_at = Column(DateTime(timezone=True), server_default=func.now())


class Lead(Base):
    __tablename__ = "leads"
    id = Column(Integer, primary_key=True, autoincrement=False)
    email = Column(String(200))
    source = Column(Text)
    created_at = Column(DateTime(timezone=True), server_default=func.now())


class AppLog(Base):
    __tablename__ = "app_log"
    id = Column(BigInteger, Identity(always=True), primary_key=True)
    at = Column(DateTime(timezone=True), server_default=func.now())
    message = Column(Text)


url = "postgresql+psycopg2://{PGUSER}:{PGPASSWORD}@{PGHOST}:{PGPORT}/{PGDATABASE}".format(**os.environ)
engine = create_engine(url, future=True, pool_size=1, max_overflow=0)


def reading(statement, scalars=True):
    def run():
        with Session(engine) as session:
            result = session.execute(statement)
            return (result.scalars().unique() if scalars else result).all()
    return run


def writing(work):
    def run():
        with Session(engine) as session:
            work(session)
            session.commit()
    return run


def new():
    return Customer(first_name="Sql", last_name="Alchemy", email="sql@example.com", profile={"tier": "gold"})


step("connect")(lambda: engine.connect().close())
step("select")(reading(select(Customer)))
step("get")(writing(lambda s: s.get(Customer, 1)))
step("load only")(reading(select(Customer).options(load_only(Customer.email))))
step("where forms")(reading(select(Customer).where(or_(Customer.id.in_([1, 2, 3]), Customer.phone.is_(None)), Customer.region != "US", Customer.id.between(1, 50), Customer.email.is_not(None))))
step("page by offset")(reading(select(Customer).order_by(Customer.last_name, desc(Customer.id)).limit(2).offset(1)))
step("page by cursor")(reading(select(Order).where(tuple_(Order.placed_at, Order.id) > tuple_(cast("2026-01-11T09:00:00Z", DateTime(timezone=True)), literal(11))).order_by(Order.placed_at, Order.id).limit(2)))
step("fetch first")(reading(select(Customer).order_by(Customer.id).fetch(2)))
step("search")(reading(select(Customer).where(or_(Customer.first_name.ilike("%a%"), Customer.email.startswith("a"), Customer.notes.regexp_match("tea")))))
step("full text")(reading(select(Customer).where(func.to_tsvector("simple", Customer.first_name).op("@@")(func.plainto_tsquery("simple", "ada")))))
step("full text match")(reading(select(Customer).where(Customer.first_name.match("ada"))))
step("json path")(reading(select(Customer.id, Customer.profile["tier"].astext).where(Customer.profile["tier"].astext == "gold"), False))
step("json contains")(reading(select(Customer.id).where(Customer.profile.contains({"tier": "gold"}), Customer.profile.has_key("social")), False))
step("json deep path")(reading(select(Customer.profile[("social", "handle")].astext), False))
step("count")(reading(select(func.count()).select_from(Customer), False))
step("legacy count")(writing(lambda s: s.query(Customer).filter_by(region="EU").count()))
step("exists")(reading(select(exists().where(Customer.region == "EU")), False))
step("aggregates")(reading(select(Order.status, func.sum(Order.total), func.count(Order.customer_id.distinct()), func.count().filter(Order.total > 10)).group_by(Order.status).having(func.count() > 0), False))
step("array aggregate")(reading(select(Customer.region, func.array_agg(aggregate_order_by(Customer.id, Customer.id.desc()))).group_by(Customer.region), False))
step("join")(reading(select(Order, Customer).join(Order.customer).outerjoin(Order.items), False))
step("joined load")(reading(select(Customer).options(joinedload(Customer.orders).joinedload(Order.items).joinedload(Item.product))))
step("joined load with limit")(reading(select(Customer).options(joinedload(Customer.orders)).order_by(Customer.id).limit(2)))
step("select-in load")(reading(select(Customer).options(selectinload(Customer.orders).selectinload(Order.items), selectinload(Customer.tickets))))
step("subquery load")(reading(select(Customer).options(subqueryload(Customer.orders))))
step("lazy load")(writing(lambda s: [order.total for order in s.get(Customer, 1).orders]))
step("contains eager")(reading(select(Order).join(Order.customer).options(contains_eager(Order.customer)).order_by(Customer.last_name)))
step("any and has")(reading(select(Customer).where(Customer.orders.any(Order.total > 10), ~Customer.tickets.any(Ticket.region == "US"))))
step("scalar subquery")(reading(select(Customer.id, select(func.count(Order.id)).where(Order.customer_id == Customer.id).scalar_subquery()), False))
big = select(Order).where(Order.total > 10).cte("big")
step("with")(reading(select(big.c.id), False))
tree = select(literal(1).label("n")).cte("tree", recursive=True)
step("with recursive")(reading(select(tree.union_all(select(tree.c.n + 1).where(tree.c.n < 3)).c.n), False))
last = select(Order.total).where(Order.customer_id == Customer.id).order_by(Order.placed_at.desc()).limit(1).lateral("last")
step("lateral")(reading(select(Customer.id, last.c.total).join(last, literal(True)), False))
step("union")(reading(union_all(select(Customer.email), select(Lead.email)), False))
step("case")(reading(select(Customer.id, case((Customer.region == "EU", "near"), else_="far"), func.coalesce(Customer.phone, "none")), False))
step("window")(reading(select(Order.id, func.row_number().over(partition_by=Order.customer_id, order_by=Order.placed_at)), False))
step("distinct on")(reading(select(Order).distinct(Order.customer_id).order_by(Order.customer_id, Order.placed_at.desc())))
step("self join")(reading((lambda other: select(Customer.id, other.id).join(other, and_(other.email == Customer.email, other.id > Customer.id)))(aliased(Customer)), False))


@step("server-side cursor")
def _():
    with Session(engine) as session:
        for _row in session.execute(select(Customer).execution_options(yield_per=2)).scalars():
            pass


step("add")(writing(lambda s: s.add(new())))
step("add many")(writing(lambda s: s.add_all([Lead(id=20, email="q20@example.com"), Lead(id=21)])))
step("add many with keys from the server")(writing(lambda s: s.add_all([AppLog(message="a"), AppLog(message="b")])))
step("bulk insert")(writing(lambda s: s.execute(insert(Product), [dict(id=10, name="Jar", price=1), dict(id=11, name="Lid", price=2)])))
step("insert from select")(writing(lambda s: s.execute(insert(AppLog).from_select(["message"], select(Product.name)))))
step("insert returning")(writing(lambda s: s.execute(insert(AppLog).values(message="c").returning(AppLog.id)).all()))
upsert = pg_insert(Product).values(id=10, name="Jar", price=3)
step("upsert")(writing(lambda s: s.execute(upsert.on_conflict_do_update(index_elements=["id"], set_=dict(price=upsert.excluded.price), where=Product.price < 99))))
step("upsert ignore")(writing(lambda s: s.execute(upsert.on_conflict_do_nothing())))


@step("change")
@writing
def _(session):
    one = session.get(Customer, 1)
    one.region = "US"
    one.notes = "called"
    one.profile = {"tier": "silver"}


@step("save a form")
@writing
def _(session):
    session.execute(update(Customer).where(Customer.id == 1).values(first_name="Ada", email="a***@example.com", phone="***********0001"))


@step("optimistic lock")
@writing
def _(session):
    session.get(Item, (10, 1)).product_id = 2


step("merge")(writing(lambda s: s.merge(Product(id=10, name="Jar", price=4))))
step("update")(writing(lambda s: s.execute(update(Customer).where(Customer.region == "US").values(do_not_call=True), execution_options={"synchronize_session": "fetch"})))
step("update by expression")(writing(lambda s: s.execute(update(Product).where(Product.id == 1).values(price=Product.price + 1), execution_options={"synchronize_session": False})))
step("update many")(writing(lambda s: s.execute(update(Product.__table__).where(Product.id == bindparam("key")).values(price=bindparam("value")), [dict(key=1, value=33), dict(key=2, value=5)])))
step("update from")(writing(lambda s: s.execute(update(Order).where(Order.customer_id == Customer.id, Customer.region == "US").values(status="vip"), execution_options={"synchronize_session": False})))
step("update returning")(writing(lambda s: s.execute(update(Order).where(Order.id == 10).values(status="shipped").returning(Order.id, Order.status), execution_options={"synchronize_session": False}).all()))
step("delete")(writing(lambda s: s.execute(delete(Lead).where(Lead.id == 20), execution_options={"synchronize_session": False})))
step("delete one")(writing(lambda s: [s.delete(each) for each in s.execute(select(Lead).where(Lead.id == 21)).scalars()]))
step("delete with parts")(writing(lambda s: s.delete(s.get(Order, 14))))


@step("savepoint")
def _():
    with Session(engine) as session:
        session.add(AppLog(message="kept"))
        try:
            with session.begin_nested():
                session.add(AppLog(message="undone"))
                session.flush()
                raise RollBack()
        except RollBack:
            pass
        session.commit()


@step("isolation")
def _():
    with engine.connect().execution_options(isolation_level="SERIALIZABLE") as connection:
        connection.execute(select(func.count()).select_from(Product))
    with engine.connect().execution_options(postgresql_readonly=True, postgresql_deferrable=True, isolation_level="REPEATABLE READ") as connection:
        connection.execute(select(Product.id))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(select(Product.id))


@step("locks")
@writing
def _(session):
    session.execute(select(Customer).where(Customer.id == 1).with_for_update()).all()
    session.execute(select(Ticket).order_by(Ticket.id).limit(1).with_for_update(skip_locked=True)).all()
    session.execute(select(Order).join(Order.customer).with_for_update(read=True, of=Order, nowait=True)).all()
    session.execute(select(Order).where(Order.id == 10).with_for_update(key_share=True)).all()


step("text")(reading(text("SELECT email FROM customers WHERE id = :id").bindparams(id=1), False))
step("reflect all")(lambda: MetaData().reflect(engine))


@step("inspect")
def _():
    inspector = inspect(engine)
    inspector.get_schema_names()
    inspector.get_view_names()
    inspector.get_view_definition("customer_directory")
    inspector.get_indexes("customers")
    inspector.get_unique_constraints("customers")
    inspector.get_check_constraints("consents")
    inspector.get_foreign_keys("orders")
    inspector.get_sequence_names()
    inspector.get_table_comment("customers")
    inspector.get_enums()
    inspector.has_table("customers")


engine.dispose()
finish("SQLAlchemy", sqlalchemy.__version__, "psycopg2 " + psycopg2.__version__.split()[0])
