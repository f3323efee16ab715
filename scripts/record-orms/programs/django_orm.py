import os
import sys
import types
import django
import psycopg2
from django.conf import settings

# Reverse relations need an installed application; this file is it.
sys.modules["crm"] = types.ModuleType("crm")
sys.modules["crm"].__path__ = [os.path.dirname(os.path.abspath(__file__))]
settings.configure(
    USE_TZ=True,
    INSTALLED_APPS=["django.contrib.postgres", "crm"],
    DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    DATABASES={"default": {
        "ENGINE": "django.db.backends.postgresql", "NAME": os.environ["PGDATABASE"], "USER": os.environ["PGUSER"],
        "PASSWORD": os.environ["PGPASSWORD"], "HOST": os.environ["PGHOST"], "PORT": os.environ["PGPORT"],
    }},
)
django.setup()

from django.contrib.postgres.aggregates import ArrayAgg
from django.contrib.postgres.search import SearchQuery, SearchRank, SearchVector
from django.core.management import call_command
from django.core.paginator import Paginator
from django.db import connection, models, transaction
from django.db.models import Avg, Case, Count, Exists, F, FilteredRelation, Max, OuterRef, Prefetch, Q, Subquery, Sum, Value, When, Window
from django.db.models.functions import Coalesce, Concat, ExtractYear, Lower, RowNumber, TruncMonth
from steps import RollBack, finish, step


class Model(models.Model):
    class Meta:
        abstract = True
        app_label = "crm"
        managed = False


class Customer(Model):
    first_name = models.TextField()
    last_name = models.TextField()
    email = models.CharField(max_length=200, null=True, unique=True)
    phone = models.CharField(max_length=30, null=True)
    birth_date = models.DateField(null=True)
    region = models.TextField(default="EU")
    notes = models.TextField(null=True)
    profile = models.JSONField(null=True)
    do_not_call = models.BooleanField(default=False)
    restricted_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(Model.Meta):
        db_table = "customers"


class Order(Model):
    id = models.IntegerField(primary_key=True)
    customer = models.ForeignKey(Customer, models.CASCADE, related_name="orders")
    total = models.DecimalField(max_digits=12, decimal_places=2)
    status = models.TextField()
    placed_at = models.DateTimeField(auto_now_add=True)

    class Meta(Model.Meta):
        db_table = "orders"


class Product(Model):
    id = models.IntegerField(primary_key=True)
    name = models.TextField()
    price = models.DecimalField(max_digits=10, decimal_places=2)

    class Meta(Model.Meta):
        db_table = "products"


class Ticket(Model):
    id = models.IntegerField(primary_key=True)
    customer = models.ForeignKey(Customer, models.CASCADE, related_name="tickets")
    region = models.TextField()
    subject = models.TextField()
    opened_at = models.DateTimeField(auto_now_add=True)

    class Meta(Model.Meta):
        db_table = "tickets"


class Lead(Model):
    id = models.IntegerField(primary_key=True)
    email = models.CharField(max_length=200, null=True)
    source = models.TextField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(Model.Meta):
        db_table = "leads"


class AppLog(Model):
    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField(auto_now_add=True)
    message = models.TextField(null=True)

    class Meta(Model.Meta):
        db_table = "app_log"


class Directory(Model):
    full_name = models.TextField()
    email = models.TextField()
    region = models.TextField()

    class Meta(Model.Meta):
        db_table = "customer_directory"


C = Customer.objects
new = dict(first_name="Djan", last_name="Go", email="djan@example.com", birth_date="1990-01-02", profile={"tier": "gold"})

step("all")(lambda: list(C.all()))
step("get")(lambda: C.get(pk=1))
step("values")(lambda: list(C.values("id", "email")))
step("only and defer")(lambda: (list(C.only("email")), list(C.defer("notes"))))
step("where forms")(lambda: list(C.filter(Q(id__in=[1, 2, 3]) | Q(phone__isnull=True), ~Q(region="US"), id__range=(1, 50)).exclude(email=None)))
step("page by offset")(lambda: list(C.order_by("last_name", "-id")[1:3]))
step("paginator")(lambda: list(Paginator(C.order_by("id"), 2).page(1)))
step("page by cursor")(lambda: list(Order.objects.filter(Q(placed_at__gt="2026-01-11T09:00:00Z") | Q(placed_at="2026-01-11T09:00:00Z", id__gt=11)).order_by("placed_at", "id")[:2]))
step("search")(lambda: list(C.filter(Q(first_name__icontains="a") | Q(email__istartswith="A") | Q(notes__iregex="tea") | Q(last_name__iexact="go"))))
step("full text")(lambda: list(C.annotate(rank=SearchRank(SearchVector("first_name", config="simple"), SearchQuery("ada", config="simple"))).filter(first_name__search="ada").order_by("-rank")))
step("json path")(lambda: list(C.filter(profile__tier="gold", profile__social__handle__isnull=False)))
step("json contains")(lambda: list(C.filter(profile__contains={"tier": "gold"}, profile__has_key="social")))
step("count")(lambda: C.count())
step("exists")(lambda: C.filter(region="EU").exists())
step("aggregate")(lambda: Order.objects.aggregate(Sum("total"), Avg("total"), Max("placed_at"), Count("customer", distinct=True)))
step("group by")(lambda: list(Order.objects.values("status").annotate(n=Count("*"), sum=Sum("total")).filter(n__gt=0).order_by("status")))
step("annotate whole rows")(lambda: list(C.annotate(n=Count("orders"), big=Count("orders", filter=Q(orders__total__gt=10)))))
step("array aggregate")(lambda: list(C.values("region").annotate(ids=ArrayAgg("id", ordering="id"))))
step("select related")(lambda: list(Order.objects.select_related("customer").order_by("customer__last_name")))
step("prefetch related")(lambda: list(C.prefetch_related(Prefetch("orders", Order.objects.order_by("-placed_at")), "tickets")))
step("subquery")(lambda: list(C.annotate(last=Subquery(Order.objects.filter(customer=OuterRef("pk")).order_by("-placed_at").values("total")[:1]))))
step("exists subquery")(lambda: list(C.filter(Exists(Order.objects.filter(customer=OuterRef("pk"))))))
step("filtered relation")(lambda: list(C.annotate(paid=FilteredRelation("orders", condition=Q(orders__status="paid"))).filter(paid__total__gt=1)))
step("functions")(lambda: list(C.annotate(full=Concat("first_name", Value(" ", output_field=models.TextField()), "last_name"), lower=Lower("email"), year=ExtractYear("birth_date"), p=Coalesce("phone", Value("none", output_field=models.CharField())))))
step("case")(lambda: list(C.annotate(near=Case(When(region="EU", then=Value("yes")), default=Value("no"))).values("id", "near")))
step("per month")(lambda: list(Order.objects.annotate(m=TruncMonth("placed_at")).values("m").annotate(n=Count("id")).order_by("m")))
step("window")(lambda: list(Order.objects.annotate(n=Window(RowNumber(), partition_by=[F("customer")], order_by=F("placed_at").asc()))))
step("distinct")(lambda: (list(C.values("region").distinct()), list(Order.objects.order_by("customer", "-placed_at").distinct("customer"))))
step("dates")(lambda: list(C.dates("birth_date", "year")))
step("union")(lambda: list(C.values_list("email").union(Lead.objects.values_list("email"))))
step("iterator")(lambda: list(C.iterator(chunk_size=2)))
step("in bulk")(lambda: C.in_bulk([1, 2, 3]))
step("create")(lambda: C.create(**new))
step("bulk create")(lambda: Lead.objects.bulk_create([Lead(id=30, email="j30@example.com"), Lead(id=31)]))
step("bulk create, conflicts ignored")(lambda: Lead.objects.bulk_create([Lead(id=30, email="j30@example.com")], ignore_conflicts=True))
step("get or create")(lambda: Product.objects.get_or_create(id=9, defaults=dict(name="Pan", price=20)))
step("update or create")(lambda: Product.objects.update_or_create(id=9, defaults=dict(name="Pan", price=21)))


@step("save")
def _():
    one = C.get(pk=1)
    one.region = "EU"
    one.notes = "called"
    one.save()


@step("save some fields")
def _():
    one = C.get(pk=1)
    one.do_not_call = False
    one.save(update_fields=["do_not_call", "notes"])
    one.refresh_from_db()


step("update")(lambda: C.filter(region="US").update(do_not_call=True))
step("update by expression")(lambda: Product.objects.filter(pk=1).update(price=F("price") + 1))
step("update where previous")(lambda: Order.objects.filter(pk=10, status="paid").update(status="shipped"))
step("update where related")(lambda: Order.objects.filter(customer__region="US").update(status="vip"))
step("bulk update")(lambda: Product.objects.bulk_update([Product(id=1, price=33), Product(id=2, price=5)], ["price"]))
step("save a form")(lambda: C.filter(pk=1).update(first_name="Ada", email="a***@example.com", phone="***********0001", notes="***"))
step("delete")(lambda: Lead.objects.filter(pk=30).delete())
step("delete one, with cascade")(lambda: [c.delete() for c in C.filter(email="djan@example.com")])


@step("transaction and savepoint")
def _():
    with transaction.atomic():
        AppLog.objects.create(message="in a transaction")
        try:
            with transaction.atomic():
                Product.objects.filter(pk=3).update(price=61)
                raise RollBack()
        except RollBack:
            pass


@step("locks")
def _():
    with transaction.atomic():
        list(C.select_for_update().filter(pk=1))
        list(Ticket.objects.select_for_update(skip_locked=True).order_by("id")[:1])
        list(Order.objects.select_for_update(of=("self",), nowait=True).select_related("customer"))
        list(Order.objects.select_for_update(no_key=True).filter(pk=10))


step("raw")(lambda: list(C.raw("SELECT * FROM customers WHERE id = %s", [1])))
step("cursor")(lambda: connection.cursor().execute("SELECT email FROM customers WHERE id = %s", [1]))
step("view")(lambda: list(Directory.objects.filter(region="EU")))
step("inspectdb")(lambda: call_command("inspectdb", "customers", "orders", stdout=open(os.devnull, "w")))


@step("introspection")
def _():
    with connection.cursor() as cursor:
        connection.introspection.get_table_list(cursor)
        connection.introspection.get_sequences(cursor, "customers")
        connection.introspection.get_constraints(cursor, "customers")


connection.close()
finish("Django", django.get_version(), "psycopg2 " + psycopg2.__version__.split()[0])
