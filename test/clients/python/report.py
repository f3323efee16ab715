"""What every Python client shares: the environment, the feature lines and the expectations over the sample CRM.

It knows no driver. The lines are the contract of test/clients/clients.ts.
"""

import contextlib
import json
import os
import threading
import time
import traceback

ENV = os.environ
TLS = ENV.get("PGSSLMODE", "disable") != "disable"
BINDING = ENV.get("PGCHANNELBINDING", "disable") == "require"
GOVERNED = ENV["PGVEIL_ROLE"] == "governed"
MAJOR = int(ENV["PGVEIL_SERVER_MAJOR"])

# Rows that this run writes into products: no other run has them, and it removes those that it commits.
OWN_ID = 1_000_000 + os.getpid()

# Who sees whom and how (policies/crm.yaml): support everyone but the restricted customer 5, marketing those who consented.
EMAILS = {
    "crm_admin": [
        "ada.canary1@example.com",
        "bob.canary2@example.com",
        "cleo.canary3@example.org",
        "dmitri.canary4@example.net",
        "eve.canary5@example.com",
        "finn.canary6@example.com",
    ],
    "crm_support": ["a***@example.com", "b***@example.com", "c***@example.org", "d***@example.net", "f***@example.com"],
    "crm_marketing": ["a***@example.com", "c***@example.org"],
}[ENV["PGUSER"]]
EMAILS_SQL = "SELECT email FROM customers ORDER BY id"
TEXT = "it's \"quoted\" \\ größe 日本 🙂 %s $1"


class NotApplicable(Exception):
    """The driver has no such thing; the text says what is missing."""


def same(found, expected, what="value"):
    """Fails unless both are equal. Prints no more than 200 characters of each."""
    if found != expected:
        raise AssertionError(f"{what}: {str(found)[:200]!r} instead of {str(expected)[:200]!r}")


def truth(condition, what):
    if not condition:
        raise AssertionError(what)


def feature(name, work):
    """Runs one feature and prints its line. Returns whether it worked."""
    line = {"feature": name, "result": "ok"}
    try:
        work()
    except NotApplicable as reason:
        line = {"feature": name, "result": "n/a", "why": str(reason)}
    except Exception as error:  # every failure is a cell of the table
        where = traceback.extract_tb(error.__traceback__)
        own = [frame.lineno for frame in where if frame.filename.endswith("_client.py")]
        line = {
            "feature": name,
            "result": "fail",
            "why": f"{type(error).__name__}: {error} (line {own[-1] if own else '?'})",
        }
    print(json.dumps(line, ensure_ascii=False), flush=True)
    return line["result"] != "fail"


@contextlib.contextmanager
def raised(kinds, what):
    """Fails unless the block raises one of the kinds; the error is found in the list that it yields."""
    caught = []
    try:
        yield caught
    except kinds as error:
        caught.append(error)
        return
    raise AssertionError(f"{what} raised no error")


@contextlib.contextmanager
def soon(cancel, after=0.4, within=5):
    """Calls cancel from another thread while the block runs, and fails when the block takes longer than it may."""
    timer = threading.Timer(after, cancel)
    started = time.monotonic()
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
    taken = time.monotonic() - started
    truth(taken < within, f"the cancelled statement took {taken:.1f} s")


def need_tls():
    if not TLS:
        raise NotApplicable("sslmode=disable")


def need_binding():
    need_tls()
    if not BINDING:
        raise NotApplicable("channel binding was not asked for")
