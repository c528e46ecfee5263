#!/usr/bin/python3
"""How long a message takes through the app: from a program's publish to the pop-up on the bus.

    latency.py [--messages N]

Each message is published by a request of its own to the hub in the app, to which the app itself listens, and is seen
when a notification daemon gets the call `Notify`: hub, log on disk, feed, rules, inbox on disk, bell and bus lie between.
The next one follows when the last was seen. An app rings eight times in ten seconds at the most and sums up the rest,
so two apps take turns, each in a session of its own. Prints a table. Wants an optimised program:

    cargo build --profile measure -p feedbell-desktop -p cli --bins
"""
import argparse
import contextlib
import json
import os
import socket
import statistics
import sys
import time
import urllib.request

BUILT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../target/measure")
os.environ.setdefault("FEEDBELL_DESKTOP", os.path.join(BUILT, "feedbell-desktop"))
os.environ.setdefault("FEEDBELL", os.path.join(BUILT, "feedbell"))

from bell import COMMAND, DESKTOP, Bell  # noqa: E402: it reads the environment
from desk import Desk  # noqa: E402

APPS = 2
# Between two messages of one app: eight in ten seconds ring by themselves.
REST = 1.3
WITHIN = 5


def free_port():
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        return door.getsockname()[1]


class App:
    """One app with its hub, and a feed that listens to it."""

    def __init__(self, stack):
        self.desk = stack.enter_context(Desk())
        address = f"127.0.0.1:{free_port()}"
        self.hub = f"http://{address}"
        self.bell = Bell(self.desk, f"{self.hub}/events?uid=me", rule="", hub=True, listen=address, preset="hub")
        self.bell.start("--hidden")
        self.next = 0.0

    def measure(self, number):
        """Milliseconds from the publish to the hub's answer and to the pop-up."""
        time.sleep(max(0.0, self.next - time.monotonic()))
        self.next = time.monotonic() + REST
        shown = self.desk.recorder.shown
        before = len(shown)
        title = f"Message {number}"
        body = {"uid": "me", "event": "notify", "data": {"title": title, "msg": "Something to read"}}
        request = urllib.request.Request(f"{self.hub}/publish", json.dumps(body).encode(),
                                         {"Content-Type": "application/json"})
        began = time.time()
        with urllib.request.urlopen(request, timeout=WITHIN) as answer:
            answer.read()
        answered = time.time()
        end = time.monotonic() + WITHIN
        while len(shown) == before:
            if time.monotonic() > end:
                raise AssertionError(f"{title} did not ring within {WITHIN} s")
            time.sleep(0.005)
        pop_up = shown[-1]
        assert (len(shown), pop_up["title"]) == (before + 1, title), [each["title"] for each in shown[before:]]
        # As daemons do after a while: pop-ups that pile up would be another thing to measure.
        self.desk.recorder.expire(pop_up)
        return (answered - began) * 1000, (pop_up["at"] - began) * 1000


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--messages", type=int, default=200)
    options = parser.parse_args()
    for program in (DESKTOP, COMMAND):
        if not os.access(program, os.X_OK):
            sys.exit(f"{program} is missing: build it first\n{__doc__}")
    with contextlib.ExitStack() as stack:
        apps = [App(stack) for _ in range(APPS)]
        # The first through each app finds nothing ready yet: the daemon has not been asked what it can do.
        first = [app.measure(f"first of {place}")[1] for place, app in enumerate(apps)]
        found = [apps[number % APPS].measure(number) for number in range(options.messages)]
    print("| from the publish to … | p50 | p99 | most |")
    print("| --- | ---: | ---: | ---: |")
    for what, took in zip(("the hub's answer", "`Notify` on the bus"), zip(*found)):
        # p99 is the least that 99 of 100 do not exceed.
        cuts = sorted(took)
        p99 = cuts[max(0, -(-99 * len(cuts) // 100) - 1)]
        print(f"| {what} | {statistics.median(took):.1f} ms | {p99:.1f} ms | {cuts[-1]:.1f} ms |")
    print(f"{len(found)} messages; the first of each app took", ", ".join(f"{each:.1f} ms" for each in first))


if __name__ == "__main__":
    main()
