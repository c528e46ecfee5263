#!/usr/bin/python3
"""How light the app is, beside a Tauri app that does nothing.

    light.py [--cycles N] [--idle SECONDS]

Both run in the same kind of session, one after the other, and are measured in the same way: memory is the sum of
PSS over all processes (pages that are shared count once), wake-ups are context switches of all threads, the start
ends when the tray icon is on the bus. Fails beyond the goals. Wants programs that are built alike:

    cargo build --profile measure -p feedbell-desktop --bin feedbell-desktop --example bare
"""
import argparse
import os
import statistics
import sys
import time

from bell import ROOT, Bell
from desk import Desk
from feed import Feed

BUILT = os.path.join(ROOT, "target/measure")
OURS = os.environ.get("FEEDBELL_DESKTOP", os.path.join(BUILT, "feedbell-desktop"))
BARE = os.environ.get("FEEDBELL_BARE", os.path.join(BUILT, "examples/bare"))

MORE_MEMORY = 10  # MB above the bare app
MORE_GROWTH = 4  # MB over all cycles of opening and closing
WAKE_UPS = 2  # per second
MORE_START = 50  # ms
SETTLED = 0.3  # MB between two looks


def family(pid):
    """A process and its descendants."""
    children = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat") as file:
                    parent = int(file.read().rsplit(")", 1)[1].split()[1])
            except OSError:
                continue
            children.setdefault(parent, []).append(int(entry))
    found, todo = [], [pid]
    while todo:
        found.append(todo.pop())
        todo += children.get(found[-1], [])
    return found


def memory(pid):
    """The sum of PSS of a process and its descendants, in MB."""
    total = 0
    for member in family(pid):
        try:
            with open(f"/proc/{member}/smaps_rollup") as file:
                total += next(int(line.split()[1]) for line in file if line.startswith("Pss:"))
        except (OSError, StopIteration):
            continue
    return total / 1024


def settled(pid, within=30):
    """Its memory once it hardly changes any more."""
    end, before = time.monotonic() + within, memory(pid)
    while time.monotonic() < end:
        time.sleep(1)
        now = memory(pid)
        if abs(now - before) < SETTLED:
            return now
        before = now
    return before


def switches(pid):
    """By thread, how often it was put to sleep or woken so far."""
    counts = {}
    for member in family(pid):
        for thread in os.listdir(f"/proc/{member}/task"):
            try:
                with open(f"/proc/{member}/task/{thread}/status") as file:
                    fields = dict(line.split(":", 1) for line in file)
            except OSError:
                continue
            counts[int(thread), fields["Name"].strip()] = (int(fields["voluntary_ctxt_switches"])
                                                           + int(fields["nonvoluntary_ctxt_switches"]))
    return counts


def wake_ups(pid, seconds):
    """Per second, and by thread."""
    before = switches(pid)
    time.sleep(seconds)
    by_thread = {}
    for (thread, name), count in switches(pid).items():
        more = count - before.get((thread, name), 0)
        by_thread[name] = by_thread.get(name, 0) + more / seconds
    return sum(by_thread.values()), {name: round(rate, 2) for name, rate in by_thread.items() if rate}


class Measured:
    """One program in a session of its own."""

    def __init__(self, name, command, title, close):
        self.name, self.command, self.title, self.close = name, command, title, close

    def measure(self, feed, cycles, idle):
        with Desk() as desk:
            Bell(desk, feed.url, more="\n[window]\nkeep_minutes = 0\n")
            app = desk.start("app", self.command)
            desk.until(lambda: desk.tray.items, "the tray icon")
            shown = lambda: any(self.title in title for title in desk.windows())
            web = lambda: len(family(app.pid))
            found = {"tray only": settled(app.pid)}
            alone = web()
            found["wake-ups"], self.threads = wake_ups(app.pid, idle)
            for cycle in range(cycles):
                desk.tray.click("Open")
                desk.until(shown, "the window")
                if cycle == 0:
                    found["window open"] = settled(app.pid)
                    opened = web()
                self.close(desk)
                desk.until(lambda: not shown() and web() < opened, "no window and no page")
                if cycle == 0:
                    found["window closed"] = settled(app.pid)
            found["after all cycles"] = settled(app.pid)
            found["processes"] = (alone, opened, web())
            return found

    def start(self, feed, times):
        """Milliseconds from the start to the icon on the bus."""
        took = []
        for _ in range(times):
            with Desk() as desk:
                Bell(desk, feed.url)
                arrived = []
                register = desk.tray.on_RegisterStatusNotifierItem

                def noted(*arguments, register=register, arrived=arrived):
                    arrived.append(time.monotonic())
                    return register(*arguments)

                desk.tray.on_RegisterStatusNotifierItem = noted
                began = time.monotonic()
                desk.start("app", self.command)
                desk.until(lambda: arrived, "the tray icon")
                took.append((arrived[0] - began) * 1000)
        return statistics.median(took)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cycles", type=int, default=10)
    parser.add_argument("--idle", type=float, default=20)
    parser.add_argument("--starts", type=int, default=7)
    options = parser.parse_args()
    for program in (OURS, BARE):
        if not os.access(program, os.X_OK):
            sys.exit(f"{program} is missing: build it first\n{__doc__}")
    bare = Measured("bare", [BARE], "Bare", lambda desk: desk.tray.click("Close"))
    ours = Measured("feedbell", [OURS, "--hidden"], "Feedbell", lambda desk: desk.close_window("Feedbell"))
    with Feed() as feed:
        found = {program.name: program.measure(feed, options.cycles, options.idle) for program in (bare, ours)}
        for program in (bare, ours):
            found[program.name]["start"] = program.start(feed, options.starts)

    wrong = []

    def row(what, unit, goal=None, value=None):
        ours, bare = found["feedbell"][what], found["bare"][what]
        value = ours - bare if value is None else value
        verdict = "" if goal is None else f"goal {goal:>5} {unit:<3} {'ok' if value <= goal else 'TOO MUCH'}"
        print(f"{what:<18}{bare:>9.1f}{ours:>10.1f}{ours - bare:>+10.1f} {unit:<4} {verdict}")
        if goal is not None and value > goal:
            wrong.append(what)

    print(f"{'':<18}{'bare':>9}{'feedbell':>10}{'more':>10}")
    for what in ("tray only", "window open", "window closed"):
        row(what, "MB", MORE_MEMORY)
    mine = found["feedbell"]
    row("after all cycles", "MB", MORE_GROWTH, mine["after all cycles"] - mine["window closed"])
    row("wake-ups", "/s", WAKE_UPS, mine["wake-ups"])
    row("start", "ms", MORE_START)
    print("processes, tray only / open / closed: bare", found["bare"]["processes"], "feedbell", mine["processes"])
    print("who wakes up:", ours.threads)
    if wrong:
        sys.exit("beyond the goal: " + ", ".join(wrong))


if __name__ == "__main__":
    main()
