#!/usr/bin/python3
"""How light the app is, beside a Tauri app that does nothing.

    light.py [--rounds N] [--cycles N] [--idle SECONDS] [--starts N]

Both run in the same kind of session, in turns, and are measured in the same way: memory is the sum of PSS over all
processes (pages that are shared count once), wake-ups are context switches of all threads, the start ends when the
tray icon is on the bus. Prints medians. Fails beyond the goals. The bare app is also measured with OpenGL off, as
Feedbell has it, for the knowledge alone. Wants programs that are built alike:

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

PLAIN = ("GDK_GL=disable", "WEBKIT_DISABLE_DMABUF_RENDERER=1", "WEBKIT_WEB_RENDER_DEVICE_FILE=/dev/null")
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
    """The sum of PSS of a process and its descendants, and of what they wrote themselves, in MB."""
    shared, own = 0, 0
    for member in family(pid):
        try:
            with open(f"/proc/{member}/smaps_rollup") as file:
                sizes = {line.split(":")[0]: int(line.split()[1]) for line in list(file)[1:]}
        except OSError:
            continue
        shared += sizes.get("Pss", 0)
        own += sizes.get("Anonymous", 0)
    return shared / 1024, own / 1024


def strangers(pid):
    """Programs beside ours that hold WebKit's pages: they would bear a part of what ours cost."""
    mine, count = set(family(pid)), 0
    for entry in os.listdir("/proc"):
        if entry.isdigit() and int(entry) not in mine:
            try:
                with open(f"/proc/{entry}/maps") as file:
                    count += "libwebkit2gtk" in file.read()
            except OSError:
                continue
    return count


def settled(pid, within=30, alone=60):
    """Its memory once it hardly changes any more, and nobody shares WebKit with it if that comes to pass."""
    now = time.monotonic()
    end, last, before = now + within, now + alone, memory(pid)
    while True:
        time.sleep(1)
        found, busy = memory(pid), strangers(pid)
        rests = abs(found[0] - before[0]) < SETTLED or time.monotonic() > end
        if rests and (not busy or time.monotonic() > last):
            if busy:
                shared_with.append(busy)
            return found
        before = found


shared_with = []  # of each look at memory that was not alone, with how many


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


class Program:
    """One of the two, measured in sessions of its own."""

    def __init__(self, name, command, title, close):
        self.name, self.command, self.title, self.close = name, command, title, close
        self.found, self.threads, self.processes = {}, {}, ()

    def note(self, what, value):
        self.found.setdefault(what, []).append(value)

    def median(self, what):
        return statistics.median(self.found[what])

    def measure(self, feed, cycles, idle):
        def look(state):
            total, own = settled(app.pid)
            self.note(state, total)
            self.note(f"{state}, own", own)

        with Desk() as desk:
            Bell(desk, feed.url, more="\n[window]\nkeep_minutes = 0\n")
            app = desk.start("app", self.command)
            desk.until(lambda: desk.tray.items, "the tray icon", within=60)
            shown = lambda: any(self.title in title for title in desk.windows())
            processes = lambda: len(family(app.pid))
            look("tray only")
            alone = processes()
            rate, self.threads = wake_ups(app.pid, idle)
            self.note("wake-ups", rate)
            for cycle in range(cycles):
                desk.tray.click("Open")
                desk.until(shown, "the window", within=60)
                if cycle == 0:
                    look("window open")
                    opened = processes()
                self.close(desk)
                desk.until(lambda: not shown() and processes() < opened, "no window and no page", within=60)
                if cycle == 0:
                    look("window closed")
            look("after all cycles")
            self.note("growth", self.found["after all cycles"][-1] - self.found["window closed"][-1])
            self.processes = (alone, opened, processes())

    def start(self, feed):
        """Milliseconds from the start to the icon on the bus."""
        with Desk() as desk:
            Bell(desk, feed.url)
            arrived = []
            register = desk.tray.on_RegisterStatusNotifierItem

            def noted(*arguments):
                arrived.append(time.monotonic())
                return register(*arguments)

            desk.tray.on_RegisterStatusNotifierItem = noted
            began = time.monotonic()
            desk.start("app", self.command)
            desk.until(lambda: arrived, "the tray icon", within=60)
            self.note("start", (arrived[0] - began) * 1000)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--cycles", type=int, default=10)
    parser.add_argument("--idle", type=float, default=20)
    parser.add_argument("--starts", type=int, default=15)
    options = parser.parse_args()
    for program in (OURS, BARE):
        if not os.access(program, os.X_OK):
            sys.exit(f"{program} is missing: build it first\n{__doc__}")
    bare = Program("bare", [BARE], "Bare", lambda desk: desk.tray.click("Close"))
    plain = Program("bare, no OpenGL", ["env", *PLAIN, BARE], bare.title, bare.close)
    ours = Program("Feedbell", [OURS, "--hidden"], "Feedbell", lambda desk: desk.close_window("Feedbell"))
    with Feed() as feed:
        # In turns: what else the machine does meanwhile meets both.
        for _ in range(options.rounds):
            for program in (bare, plain, ours):
                program.measure(feed, options.cycles, options.idle)
        for _ in range(options.starts):
            for program in (bare, plain, ours):
                program.start(feed)

    wrong = []

    def row(what, label, unit, goal=None, value=None):
        more = ours.median(what) - bare.median(what)
        value = more if value is None else value
        verdict = "" if goal is None else "yes" if value <= goal else "NO"
        if verdict == "NO":
            wrong.append(what)
        limit = "" if goal is None else f"{'+' if value is more else ''}{goal} {unit}"
        cells = [f"{program.median(what):.1f} {unit}" for program in (plain, bare, ours)]
        print("|", " | ".join([label, *cells, f"{more:+.1f} {unit}", limit, verdict]), "|")

    print("| what | bare, no OpenGL | bare app | Feedbell | more | at most | met |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | --- |")
    for what in ("tray only", "window open", "window closed"):
        row(what, f"memory, {what}", "MB", MORE_MEMORY)
        row(f"{what}, own", "… of it written by it", "MB")
    row("growth", f"memory, after {options.cycles} windows: growth", "MB", MORE_GROWTH, ours.median("growth"))
    row("wake-ups", "wake-ups while idle", "/s", WAKE_UPS, ours.median("wake-ups"))
    row("start", "from the start to the tray icon", "ms", MORE_START)
    print("processes, tray only / open / closed: bare", bare.processes, "Feedbell", ours.processes)
    print("who wakes up, bare:", bare.threads, "Feedbell:", ours.threads)
    for program in (plain, bare, ours):
        print(f"{program.name}, least to most:",
              ", ".join(f"{what} {min(each):.1f} to {max(each):.1f}" for what, each in program.found.items()))
    if shared_with:
        print(f"looks at memory while others held WebKit's pages too: {len(shared_with)}, with {max(shared_with)} "
              "at the most; sums are too small there")
    if wrong:
        sys.exit("beyond the goal: " + ", ".join(wrong))


if __name__ == "__main__":
    main()
