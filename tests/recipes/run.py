#!/usr/bin/env python3
"""The recipes of docs/recipes.md, taken from there to the letter, against real
databases and the real hub. What a recipe says that comes must come, and nothing else.

Code blocks that take part say so behind their language:
  file=NAME      is written to that file
  unit=NAME      a systemd unit: is verified, and its command is run
  run            is run to its end (status=N: with that status;
                 until="COMMAND": once that succeeds)
  background     is started and goes on
  event          what then comes, one JSON object a line
All others are for the reader alone. Before that, the pages in two languages are held
against each other, and every link between pages against what is there.
"""
import http.client
import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BINARY = Path(os.environ.get("FEEDBELL_BIN", ROOT / "target" / "debug" / "feedbell")).resolve()
DOCS = ROOT / "docs" / "recipes.md", ROOT / "docs" / "recipes.zh-CN.md"
PATIENCE = 60
PAGES = ROOT / "README.md", *(ROOT / "docs" / f"{name}.md" for name in ("settings", "hub", "cluster")), DOCS[0]
LINK = re.compile(r"\]\((?!\w+:)([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
BLOCK = re.compile(r"^```(\w+)(?: ([^\n]+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def sections(text):
    """Title and code blocks (language, words behind it, contents) of each section."""
    for part in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        blocks = [(language, shlex.split(words or ""), body) for language, words, body in BLOCK.findall(part)]
        yield part.splitlines()[0], blocks


def soon(what, condition):
    deadline = time.monotonic() + PATIENCE
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"waited too long for {what}")
        time.sleep(0.05)
    return found


def free_port():
    with socket.socket() as own:
        own.bind(("127.0.0.1", 0))
        return own.getsockname()[1]


class Process:
    """Something that runs, in a process group of its own."""

    def __init__(self, command, **options):
        self.process = subprocess.Popen(command, start_new_session=True, **options)

    def stop(self):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
            try:
                self.process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
        # What it started goes too.
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


class Hub:
    """`feedbell serve`, at a port that it has before it is started."""

    def __init__(self, folder):
        self.port, self.folder = free_port(), folder
        self.url = f"http://127.0.0.1:{self.port}"
        self.process = None

    def start(self):
        command = [BINARY, "serve", "--listen", f"127.0.0.1:{self.port}", "--data", self.folder / "hub"]
        self.process = Process(command, stdout=subprocess.DEVNULL)
        soon("the hub", self.answers)

    def answers(self):
        try:
            return self.request("GET", "/healthz")[0] == 200
        except OSError:
            return False

    def request(self, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request(method, path, body, {"Content-Type": "application/json"} if body else {})
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def publish(self, **document):
        status, answer = self.request("POST", "/publish", json.dumps(document))
        assert status == 200, answer
        return json.loads(answer)["id"]

    def stop(self):
        if self.process:
            self.process.stop()


class Listener:
    """Everything that was ever published to the topics of the recipes."""

    TOPICS = "orders", "stock", "reports", "servers"

    def __init__(self, hub):
        status, answer = hub.request("GET", "/hub/status")
        assert status == 200, answer
        epoch = json.loads(answer)["epoch"]
        self.connection = http.client.HTTPConnection("127.0.0.1", hub.port, timeout=PATIENCE)
        query = "&".join(f"topic={topic}" for topic in self.TOPICS)
        headers = {"Last-Event-ID": f"{epoch}.0", "Accept": "application/x-ndjson"}
        self.connection.request("GET", f"/events?{query}", headers=headers)
        self.lines = self.connection.getresponse()
        assert self.lines.status == 200

    def next(self):
        deadline = time.monotonic() + PATIENCE
        while True:
            line = self.lines.readline()
            assert line, "the stream ended"
            # Signs of life come for ever.
            assert time.monotonic() < deadline, "waited too long for an event"
            if line.strip():
                event = json.loads(line)
                data = event["data"]
                try:
                    data = json.loads(data)
                except ValueError:
                    pass
                return {"event": event.get("event", "message"), "data": data}

    def close(self):
        self.connection.close()


class Postgres:
    """A server of its own; as root it runs as the user postgres, as it refuses root."""

    def __init__(self, folder):
        folder.mkdir()
        self.user = {}
        if os.getuid() == 0:
            self.user = {"user": "postgres", "group": "postgres", "extra_groups": []}
            shutil.chown(folder, "postgres")
        programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name))
        path = os.pathsep.join([str(programs[-1])] if programs else []) + os.pathsep + os.environ["PATH"]
        data, port = folder / "data", free_port()
        options = {"cwd": folder, "env": {**os.environ, "PATH": path}, **self.user}
        initdb = ["initdb", "--pgdata", data, "--auth", "trust", "--username", "shop", "--no-sync", "--encoding", "UTF8"]
        subprocess.run(initdb, check=True, stdout=subprocess.DEVNULL, **options)
        server = ["postgres", "-D", data, "-c", f"port={port}", "-c", "listen_addresses=127.0.0.1"]
        server += ["-c", "unix_socket_directories=", "-c", "fsync=off"]
        log = open(folder / "log", "wb")
        self.server = Process(server, stdout=log, stderr=log, **options)
        base = f"postgresql://shop@127.0.0.1:{port}"

        def create():
            made = subprocess.run(["psql", f"{base}/postgres", "-qc", "CREATE DATABASE shop"], capture_output=True)
            return made.returncode == 0

        soon("PostgreSQL", create)
        self.environment = {"DATABASE_URL": f"{base}/shop"}

    def stop(self):
        # Its fast shutdown, with connections open.
        if self.server.process.poll() is None:
            self.server.process.send_signal(signal.SIGINT)
            self.server.process.wait(timeout=PATIENCE)
        self.server.stop()


class Redis:
    def __init__(self, folder):
        folder.mkdir()
        port = free_port()
        command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", ""]
        self.server = Process(command, stdout=subprocess.DEVNULL)
        url = f"redis://127.0.0.1:{port}"

        def answers():
            asked = subprocess.run(["redis-cli", "-u", url, "PING"], capture_output=True, text=True)
            return asked.stdout.strip() == "PONG"

        soon("Redis", answers)
        self.environment = {"REDIS_URL": url}

    def stop(self):
        self.server.stop()


SERVICES = {"PostgreSQL": Postgres, "Redis": Redis}


class Outbox:
    """What a recipe keeps until the hub has it: how to see that it is empty, how
    to copy what is in it, and how to put the copy back."""

    def __init__(self, empty, keep, back):
        self.empty, self.keep, self.back = empty, keep, back


PSQL, SQLITE, REDIS = 'psql "$DATABASE_URL" -qAtc', "sqlite3 shop.db", 'redis-cli -u "$REDIS_URL" --raw'
KEEP, BACK = "CREATE TABLE kept AS SELECT * FROM push", "INSERT INTO push (document) SELECT document FROM kept"
LEFT = "SELECT count(*) FROM push"
# Their hub starts late.
OUTBOXES = {
    "PostgreSQL": Outbox(f'test "$({PSQL} "{LEFT}")" = 0', f'{PSQL} "{KEEP}"', f'{PSQL} "{BACK}"'),
    "SQLite": Outbox(f'test "$({SQLITE} "{LEFT}")" = 0', f'{SQLITE} "{KEEP}"', f'{SQLITE} "{BACK}"'),
    "Redis: nothing may be lost": Outbox(
        f'test "$({REDIS} EXISTS push push:sending)" = 0',
        f'test "$({REDIS} COPY push:sending kept)" = 1',
        f'test "$({REDIS} COPY kept push:sending)" = 1',
    ),
}


class Recipe:
    def __init__(self, title, blocks, folder):
        self.title, self.blocks, self.folder = title, blocks, folder
        self.hub = Hub(folder)
        self.processes, self.services = [], []
        programs = folder / "bin"
        programs.mkdir()
        (programs / "feedbell").symlink_to(BINARY)
        # The system's, which has its modules.
        (programs / "python3").symlink_to(sys.executable)
        self.environment = {
            **os.environ,
            "FEEDBELL_HUB": self.hub.url,
            "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
            "LC_ALL": "C.UTF-8",
            "LANGUAGE": "en",
        }
        self.work = folder / "work"
        self.work.mkdir()

    def cook(self):
        for name, service in SERVICES.items():
            if self.title.startswith(name):
                running = service(self.folder / name)
                self.services.append(running)
                self.environment.update(running.environment)
        outbox = OUTBOXES.get(self.title)
        if not outbox:
            self.hub.start()
        relays, listener, count = [], None, 0
        for language, words, body in self.blocks:
            options = dict(word.split("=", 1) for word in words if "=" in word)
            if "file" in options:
                (self.work / options["file"]).write_text(body, encoding="utf-8")
            elif "unit" in options:
                self.unit(options["unit"], body)
            elif "background" in words:
                relays.append(body)
                self.background(body)
            elif "run" in words:
                if "until" in options:
                    soon(options["until"], lambda: self.shell(options["until"]) == 0)
                status = self.shell(body)
                assert status == int(options.get("status", "0")), f"{body}\nended with {status}"
            elif "event" in words:
                if outbox:
                    soon("what there is to tell", lambda: self.shell(outbox.keep) == 0)
                    self.hub.start()
                listener = listener or Listener(self.hub)
                for event in map(json.loads, body.splitlines()):
                    came = listener.next()
                    assert came == event, f"{came} came, not {event}"
                    count += 1
        assert count, "the recipe says nothing of what comes"
        # The next relay finds what one that was killed has sent and not struck off.
        if outbox:
            soon("an empty outbox", lambda: self.shell(outbox.empty) == 0)
        for process in self.processes:
            process.stop()
        if outbox:
            assert self.shell(outbox.back) == 0
        for relay in relays:
            self.background(relay)
        if outbox:
            soon("an empty outbox", lambda: self.shell(outbox.empty) == 0)
        self.hub.publish(topic="servers", event="end")
        came = listener.next()
        assert came["event"] == "end", f"{came} came once too often"
        listener.close()
        # And the same id again is the same event.
        first = self.hub.publish(topic="servers", event="twice", id="the-same")
        assert self.hub.publish(topic="servers", event="twice", id="the-same") == first
        return count

    def unit(self, name, body):
        """Verifies the unit, and runs its command as systemd would for backup.service."""
        path = self.work / name.replace("@.", "@backup.service.")
        path.write_text(body.replace("ExecStart=feedbell", f"ExecStart={BINARY}"), encoding="utf-8")
        if shutil.which("systemd-analyze"):
            verified = subprocess.run(["systemd-analyze", "verify", path], capture_output=True, text=True)
            said = [line for line in verified.stderr.splitlines() if name.split("@")[0] in line]
            assert verified.returncode == 0 and not said, verified.stderr
        else:
            print("  systemd-analyze is not here: the unit is run, not verified")
        (command,) = re.findall(r"^ExecStart=(.+)$", body, re.MULTILINE)
        given = {"MONITOR_INVOCATION_ID": "0123456789abcdef0123456789abcdef", "MONITOR_SERVICE_RESULT": "exit-code"}
        for _ in range(2):
            words = shlex.split(command.replace("%i", "backup.service"))
            words = [re.sub(r"\$\{(\w+)\}", lambda found: given[found[1]], word) for word in words]
            subprocess.run(words, check=True, cwd=self.work, env=self.environment, stdout=subprocess.DEVNULL)

    def shell(self, body):
        # The blocks are for any POSIX shell; a failing line ends them.
        command = ["sh", "-ec", body]
        output = open(self.folder / "output", "ab")
        ran = subprocess.run(command, cwd=self.work, env=self.environment, stdout=output, stderr=output, timeout=PATIENCE)
        return ran.returncode

    def background(self, body):
        output = open(self.folder / "output", "ab")
        options = {"cwd": self.work, "env": self.environment, "stdout": output, "stderr": output}
        self.processes.append(Process(["sh", "-ec", body], **options))

    def close(self):
        for process in self.processes:
            process.stop()
        self.hub.stop()
        for service in self.services:
            service.stop()


def same_in_both():
    """What is only right in one language is wrong: recipes to the letter, the other pages but for
    comments and for what programs say."""
    for page in PAGES:
        pair = page, page.with_suffix(".zh-CN.md")
        english, chinese = (BLOCK.findall(path.read_text(encoding="utf-8")) for path in pair)
        where = f"{page.name}: {len(english)} code blocks in English, {len(chinese)} in Chinese"
        assert english and len(english) == len(chinese), where
        for one, other in zip(english, chinese):
            if page not in DOCS:
                one, other = uncommented(one), uncommented(other)
            assert one == other, f"{page.name}: a code block differs:\n{one[2]}\n{other[2]}"


def uncommented(block):
    language, words, body = block
    body = "" if language == "text" else re.sub(r"(^|\s+)(#|//)\s.*$", "", body, flags=re.MULTILINE)
    return language, words, body


def nowhere():
    """Links between the project's own pages, to what is not there."""
    for page in (path for folder in (ROOT, ROOT / "docs") for path in sorted(folder.glob("*.md"))):
        for target in LINK.findall(page.read_text(encoding="utf-8")):
            name, _, place = target.partition("#")
            path = (page.parent / name) if name else page
            if not path.exists():
                yield f"{page.name}: {target}"
            elif place and place not in map(anchor, HEADING.findall(path.read_text(encoding="utf-8"))):
                yield f"{page.name}: {target} (no such heading)"


def anchor(heading):
    """As the usual hosts of Markdown make it."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def main():
    wanted = sys.argv[1:]
    failed = 0
    same_in_both()
    assert not (broken := list(nowhere())), "links that lead nowhere:\n" + "\n".join(broken)
    recipes = list(sections(DOCS[0].read_text(encoding="utf-8")))
    assert len(recipes) >= 7, "the recipes are not found"
    for title, blocks in recipes:
        if wanted and not any(word in title for word in wanted):
            continue
        # Postgres runs as another user, which must be able to look in.
        with tempfile.TemporaryDirectory(prefix="feedbell-recipe-") as folder:
            os.chmod(folder, 0o755)
            recipe = None
            begun = time.monotonic()
            try:
                recipe = Recipe(title, blocks, Path(folder))
                count = recipe.cook()
                print(f"ok    {title}: {count} events ({time.monotonic() - begun:.1f} s)", flush=True)
            except (AssertionError, OSError, subprocess.SubprocessError) as why:
                failed += 1
                print(f"FAILED {title}: {why}", flush=True)
                traceback.print_exc()
                output = Path(folder) / "output"
                if output.exists():
                    print(output.read_text(errors="replace")[-4000:], flush=True)
            finally:
                if recipe:
                    recipe.close()
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    # A watchdog's TERM ends what was started, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    main()
