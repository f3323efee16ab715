"""Names each part of a program for the recorder, and says at the end what ran and which parts failed."""
import json
import os
import sys
import urllib.parse
import urllib.request

failures = []
done = 0


def step(name):
    def run(work):
        global done
        control = os.environ.get("CONTROL_URL")
        if control:
            urllib.request.urlopen(control + urllib.parse.quote(name)).read()
        try:
            work()
            done += 1
        except Exception as error:
            failures.append(f"{name}: {type(error).__name__} {' '.join(str(error).split())}")
        return work

    return run


class RollBack(Exception):
    pass


def finish(library, version, driver):
    for failure in failures:
        print("FAILED", failure, file=sys.stderr)
    print(f"{library}: {done} steps done, {len(failures)} failed", file=sys.stderr)
    print(json.dumps({"library": library, "version": version, "driver": driver}))
    sys.exit(1 if failures and os.environ.get("CONTROL_URL") else 0)
