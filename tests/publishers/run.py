"""Real publishers for ntfy, unmodified, against `feedbell serve`.

Each of them sends to a topic of its own on which three streams listen: JSON lines, an event stream and raw text. What
arrives is compared with what was sent, on all three and in the history. The clients are installed at fixed versions,
below target/, from PyPI and npm. FEEDBELL_BIN names another binary than target/debug/feedbell.
"""
import hashlib
import http.client
import json
import os
import queue
import shutil
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(ROOT / "tests" / "browser"))
from support.hub import Hub  # noqa: E402

TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "publishers"
VENV, NODE = TARGET / "venv", TARGET / "node"
PATIENCE = 60
TEXT = "Ünïcödé 天 🔔, \"quotes\" & <tags>\nand a second line"


def run(command, *, body=None, fails=False, folder=None):
    """What a command prints; it must end well, or badly if it `fails`."""
    done = subprocess.run(
        [str(part) for part in command], input=body, capture_output=True, timeout=600, cwd=folder,
        env={**os.environ, "LC_ALL": "C.UTF-8", "no_proxy": "*", "NO_PROXY": "*"})
    if (done.returncode == 0) == fails:
        raise AssertionError(f"{command} ended with {done.returncode}: {done.stdout.decode()} {done.stderr.decode()}")
    return done.stdout.decode()


def install():
    """The clients, unless these versions are there."""
    files = [HERE / "requirements.txt", HERE / "node" / "package-lock.json"]
    wanted = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
    mark = TARGET / "installed"
    if mark.is_file() and mark.read_text() == wanted:
        shutil.copy(HERE / "node" / "send.mjs", NODE)
        return
    shutil.rmtree(TARGET, ignore_errors=True)
    run([sys.executable, "-m", "venv", VENV])
    run([VENV / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "-r", files[0]])
    shutil.copytree(HERE / "node", NODE, ignore=shutil.ignore_patterns("node_modules"))
    run(["npm", "ci", "--silent", "--ignore-scripts", "--no-audit", "--no-fund"], folder=NODE)
    mark.write_text(wanted)


class Stream:
    """One open stream; its bytes are read in a thread of its own."""

    def __init__(self, hub, path):
        self.connection = http.client.HTTPConnection("127.0.0.1", hub.port)
        self.connection.request("GET", path)
        self.socket = self.connection.sock
        self.answer = self.connection.getresponse()
        assert self.answer.status == 200, (path, self.answer.status, self.answer.read())
        self.lines = queue.Queue()
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        try:
            for line in self.answer:
                self.lines.put(line.decode().removesuffix("\n"))
        except (OSError, ValueError, http.client.HTTPException):
            pass

    def line(self):
        return self.lines.get(timeout=PATIENCE)

    def opened(self):
        self.line()

    def close(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.reader.join(timeout=PATIENCE)
        self.answer.close()
        self.connection.close()


class Json(Stream):
    def message(self):
        while True:
            message = json.loads(self.line())
            if message["event"] not in ("open", "keepalive"):
                return message


class Sse(Stream):
    """After the WHATWG standard, as far as a stream with LF alone needs it."""

    def opened(self):
        assert self.line() == "event: open"
        while self.line():
            pass

    def message(self):
        name, data, self.id = "message", [], getattr(self, "id", "")
        while True:
            line = self.line()
            if line == "":
                if data and name not in ("open", "keepalive"):
                    message = json.loads("\n".join(data))
                    assert (name == message["event"]) and "." in self.id, (name, self.id, message)
                    return message
                name, data = "message", []
                continue
            field, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if field == "event":
                name = value
            elif field == "data":
                data.append(value)
            elif field == "id":
                self.id = value


class Raw(Stream):
    def message(self):
        while True:
            line = self.line()
            if line:
                return line


def history(hub, topic, query=""):
    connection = http.client.HTTPConnection("127.0.0.1", hub.port, timeout=PATIENCE)
    connection.request("GET", f"/{topic}/json?poll=1{query}")
    return [json.loads(line) for line in connection.getresponse().read().decode().splitlines()]


class Topic:
    """A topic with its three listeners."""

    def __init__(self, hub, name):
        self.hub, self.name = hub, name
        self.url = f"{hub.url}/{name}"
        self.streams = [Json(hub, f"/{name}/json"), Sse(hub, f"/{name}/sse"), Raw(hub, f"/{name}/raw")]
        # Each says first that it is open: what comes from now on arrives.
        for stream in self.streams:
            stream.opened()
        self.count = 0

    def got(self, kept=True, **expected):
        """The next message, the same everywhere, with these fields; None stands for none."""
        message, same, raw = [stream.message() for stream in self.streams]
        assert message == same, (message, same)
        assert raw == message["message"].replace("\n", " "), (raw, message)
        expected.setdefault("title", None)
        for name, value in expected.items():
            found = message.get(name)
            if name == "actions" and found:
                found = [{key: value for key, value in action.items() if key != "id"} for action in found]
            if isinstance(value, set):
                found = set(found)
            assert found == value, f"{self.name}: {name} is {found!r} and not {value!r} in {message}"
        self.count += kept
        kept_ones = history(self.hub, self.name)
        assert len(kept_ones) == self.count and (message in kept_ones) == kept, (message, kept_ones)
        return message

    def end(self):
        """Nothing has come beside what was looked at."""
        assert len(history(self.hub, self.name)) == self.count
        for stream in self.streams:
            stream.close()


def apprise(hub):
    topic = Topic(hub, "apprise")
    address = f"ntfy://127.0.0.1:{hub.port}/{topic.name}"
    command = [VENV / "bin" / "apprise", "-vv"]
    run([*command, "-b", "only text", address])
    topic.got(message="only text", priority=None)
    run([*command, "-t", "Titel 天", "-b", TEXT, address + "?priority=max&tags=warning,skull&click=https%3A%2F%2Fexample.com%2F%3Fa%3D1"
         "&avatar_url=https%3A%2F%2Fexample.com%2Fa.png"])
    topic.got(title="Titel 天", message=TEXT, priority=5, tags={"warning", "skull"},
              click="https://example.com/?a=1", icon="https://example.com/a.png")
    run([*command, "-b", "**bold**", "-i", "markdown", address + "?format=markdown"])
    topic.got(message="**bold**", content_type="text/markdown")
    run([*command, "-b", "buttons", address + "?actions=" + "view%2C%20Open%2C%20https%3A%2F%2Fexample.com"])
    topic.got(message="buttons", actions=[{"action": "view", "label": "Open", "clear": False, "url": "https://example.com"}])
    run([*command, "-b", "by address", address + "?attach=https%3A%2F%2Fexample.com%2Ffile.pdf&filename=own.pdf"])
    topic.got(message="by address", attachment={"name": "own.pdf", "url": "https://example.com/file.pdf"})
    # A file cannot be kept here: the client is told, and says so.
    run([*command, "-b", "with a file", "-a", HERE / "run.py", address], fails=True)
    run([*command, "-b", "not before", address + "?delay=1h"])
    assert [one["message"] for one in history(hub, topic.name, "&sched=1")][-1] == "not before"
    topic.end()


def python_ntfy(hub):
    topic = Topic(hub, "python-ntfy")
    program = """
import json, sys
from datetime import datetime, timedelta
from python_ntfy import NtfyClient
client = NtfyClient(topic=sys.argv[2], server=sys.argv[1])
first = client.send("plain")
client.send("*styled*", title="Title", priority=client.MessagePriority.HIGH, tags=["a", "b"], format_as_markdown=True,
    actions=[client.ViewAction(label="Open", url="https://example.com", clear=True),
             client.HttpAction(label="Do", url="https://example.com/do", method="PUT", headers={"A": "b"}, body="body")])
client.send("later", schedule=datetime.now() + timedelta(hours=1))
kept = client.get_cached_messages()
assert first in kept and len(kept) == 2, kept
assert len(client.get_cached_messages(scheduled=True)) == 3
assert client.get_cached_messages(since=first["id"])[0]["message"] == "*styled*"
try:
    client.send_file(sys.argv[0] or __file__)
except Exception as error:
    assert "400" in str(error), error
else:
    raise AssertionError("a file was taken")
"""
    script = TARGET / "python_ntfy_client.py"
    script.write_text(program)
    run([VENV / "bin" / "python", script, hub.url, topic.name])
    # The history has both before the first is looked at.
    topic.count = 1
    topic.got(message="plain", priority=3, kept=True)
    topic.count = 1
    topic.got(title="Title", message="*styled*", priority=4, tags=["a", "b"], content_type="text/markdown", actions=[
        {"action": "view", "label": "Open", "clear": True, "url": "https://example.com"},
        {"action": "http", "label": "Do", "clear": False, "url": "https://example.com/do", "method": "PUT",
         "headers": {"A": "b"}, "body": "body"}])
    topic.end()


def ntfyr(hub):
    topic = Topic(hub, "ntfyr")
    run([VENV / "bin" / "ntfyr", "-s", hub.url, "-t", topic.name, "-m", TEXT, "-T", "Title", "-P", "urgent", "-G", "one", "two",
         "-C", "https://example.com", "-A", "http, Close, https://example.com/close, method=PUT"])
    topic.got(title="Title", message=TEXT, priority=5, tags=["one", "two"], click="https://example.com", actions=[
        {"action": "http", "label": "Close", "clear": False, "url": "https://example.com/close", "method": "PUT"}])
    run([VENV / "bin" / "ntfyr", "-s", hub.url, "-t", topic.name, "-m", "e-mail", "-E", "a@example.com"], fails=True)
    topic.end()


def ntfy_sh(hub):
    topic = Topic(hub, "ntfy-sh")
    program = """
import sys
from ntfy_sh import NtfyClient, NtfyError
client = NtfyClient(topic=sys.argv[2], server=sys.argv[1], enabled=True, raise_on_error=True)
sent = client.send("done", title="Run", priority="low", tags=("tada",), click="https://example.com", markdown=True,
    icon="https://example.com/i.png", actions=[{"action": "view", "label": "Log", "url": "https://example.com/log"}])
assert sent["event"] == "message" and len(sent["id"]) == 12, sent
assert "expires" not in client.send("not kept", cache=False, firebase=False)
try:
    client.send("x", delay="whenever")
except NtfyError as error:
    assert "40004" in str(error), error
else:
    raise AssertionError("a delay that means nothing was taken")
"""
    run([VENV / "bin" / "python", "-c", program, hub.url, topic.name])
    topic.got(title="Run", message="done", priority=2, tags=["tada"], click="https://example.com",
              icon="https://example.com/i.png", content_type="text/markdown",
              actions=[{"action": "view", "label": "Log", "clear": False, "url": "https://example.com/log"}])
    topic.got(message="not kept", kept=False, expires=None)
    topic.end()


def npm_ntfy(hub):
    topic = Topic(hub, "npm-ntfy")
    send = lambda config, **more: run(["node", "send.mjs", "ntfy", json.dumps({"server": hub.url, "topic": topic.name, **config})],
                                      folder=NODE, **more)
    answer = json.loads(send({"message": TEXT}))
    assert topic.got(message=TEXT) == answer
    send({"message": "more", "title": "Title", "priority": 5, "tags": ["x", "y"], "iconURL": "https://example.com/i.png",
          "actions": [{"type": "view", "label": "Open", "url": "https://example.com", "clear": True},
                      {"type": "broadcast", "label": "Shoot", "extras": {"cmd": "pic"}, "intent": "a.b"}],
          "fileURL": {"url": "https://example.com/f", "filename": "f.txt"}})
    topic.got(title="Title", message="more", priority=5, tags=["x", "y"], icon="https://example.com/i.png",
              attachment={"name": "f.txt", "url": "https://example.com/f"},
              actions=[{"action": "view", "label": "Open", "clear": True, "url": "https://example.com"},
                       {"action": "broadcast", "label": "Shoot", "clear": False, "intent": "a.b", "extras": {"cmd": "pic"}}])
    send({"message": "not kept", "disableCache": True})
    topic.got(message="not kept", kept=False)
    send({"message": "x", "emailAddress": "a@example.com"}, fails=True)
    topic.end()


def npm_cityssm(hub):
    topic = Topic(hub, "npm-cityssm")
    send = lambda config, **more: run(["node", "send.mjs", "cityssm", json.dumps({"server": hub.url, "topic": topic.name, **config})],
                                      folder=NODE, **more)
    send({"message": TEXT})
    topic.got(message=TEXT, priority=3)
    send({"message": "more", "title": "Title", "priority": "max", "tags": ["x"], "clickURL": "https://example.com",
          "iconURL": "https://example.com/i.png", "fileAttachmentURL": "https://example.com/a/b.txt"})
    topic.got(title="Title", message="more", priority=5, tags=["x"], click="https://example.com",
              icon="https://example.com/i.png", attachment={"name": "b.txt", "url": "https://example.com/a/b.txt"})
    send({"message": "x", "fileAttachmentURL": "send.mjs", "fileName": "send.mjs"}, fails=True)
    topic.end()


def curl(hub):
    topic = Topic(hub, "curl")
    send = lambda *options, **more: json.loads(run(["curl", "-sS", *options], **more))
    assert send("-d", "hi", topic.url) == topic.got(message="hi")
    send("-H", "Title: =?UTF-8?B?5rWL6K+V?=", "-H", "Priority: 4", "-H", "Tags: a,b", "-d", TEXT, topic.url)
    topic.got(title="测试", message=TEXT, priority=4, tags=["a", "b"])
    send("-H", "t: 直接", "-H", "p: 2", "-T", "-", topic.url, body=b"from a pipe\n")
    topic.got(title="直接", message="from a pipe", priority=2)
    send("-H", "Content-Type: application/json", "-d", json.dumps({"topic": topic.name, "message": "as JSON", "tags": ["j"]}), hub.url)
    topic.got(message="as JSON", tags=["j"])
    send(f"{topic.url}/publish?message=Web+hook&priority=low")
    topic.got(message="Web hook", priority=2)
    send("-d", "first", f"{topic.url}/seq")
    topic.got(message="first", sequence_id="seq")
    refused = send("-T", HERE / "run.py", "-H", "Filename: run.py", topic.url)
    assert (refused["code"], refused["http"]) == (40014, 400), refused
    refused = send("-H", "Priority: 9", "-d", "x", topic.url)
    assert refused["code"] == 40007, refused
    # A delayed message comes by itself, once.
    sent = send("-H", "Delay: 10s", "-d", "later", topic.url)
    assert sent == topic.got(message="later")
    assert sent["time"] <= time.time() + 1
    topic.end()


def main():
    started = time.monotonic()
    install()
    print(f"installed in {time.monotonic() - started:.0f} s")
    hub = Hub()
    try:
        for publisher in (apprise, python_ntfy, ntfyr, ntfy_sh, npm_ntfy, npm_cityssm, curl):
            begun = time.monotonic()
            publisher(hub)
            print(f"ok {publisher.__name__} in {time.monotonic() - begun:.0f} s", flush=True)
    finally:
        hub.close()
    print("all publishers reached their topics")


if __name__ == "__main__":
    main()
