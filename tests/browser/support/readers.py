"""Event streams read by two parsers that know nothing of the hub: one of ours, after the WHATWG text alone, and
sseclient-py from PyPI."""
import codecs
import importlib
import socket
import subprocess
import sys
import threading

from support.hub import ROOT

CLIENT = "sseclient-py==1.9.0"


def sseclient():
    """The client from PyPI, installed where builds are."""
    folder = ROOT / "target" / "python" / CLIENT
    if not (folder / "sseclient").is_dir():
        subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps",
                        "--only-binary", ":all:", "--target", str(folder), CLIENT], check=True)
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    return importlib.import_module("sseclient")


class Body:
    """One GET over a socket of its own; iterating gives the decoded body as it comes."""

    def __init__(self, port, path, last_event_id="", accept="text/event-stream"):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=40)
        head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAccept: {accept}\r\n"
        if last_event_id:
            head += f"Last-Event-ID: {last_event_id}\r\n"
        self.socket.sendall((head + "\r\n").encode())
        self.held = b""
        status, *headers = self._up_to(b"\r\n\r\n").decode("latin-1").split("\r\n")
        self.status = int(status.split(" ")[1])
        self.headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in headers)}

    def _more(self):
        got = self.socket.recv(65536)
        if not got:
            raise EOFError
        self.held += got

    def _up_to(self, end):
        while end not in self.held:
            self._more()
        found, _, self.held = self.held.partition(end)
        return found

    def __iter__(self):
        try:
            if self.headers.get("transfer-encoding") != "chunked":
                raise AssertionError(f"status {self.status}, {self.headers}")
            while size := int(self._up_to(b"\r\n"), 16):
                while len(self.held) < size + 2:
                    self._more()
                chunk, self.held = self.held[:size], self.held[size + 2:]
                yield chunk
        except (EOFError, OSError):
            pass  # the hub ended

    def close(self):
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.socket.close()


def parse(body):
    """"Interpreting an event stream": (name, data, last event id) of each event, or (None, None, id) where the id alone
    has moved."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    text, began, cr = "", False, False
    name = data = ""
    last = None
    for chunk in body:
        text += decoder.decode(chunk)
        if not began and text:
            text, began = text.removeprefix("\ufeff"), True
        while True:
            if cr and text:
                text, cr = text.removeprefix("\n"), False
            ends = [at for at in (text.find("\r"), text.find("\n")) if at >= 0]
            if not ends:
                break
            at = min(ends)
            line, cr, text = text[:at], text[at] == "\r", text[at + 1:]
            if line == "":
                if data:
                    yield name or "message", data[:-1], last or ""
                elif last is not None:
                    yield None, None, last
                name = data = ""
                continue
            field, colon, value = line.partition(":")
            value = value.removeprefix(" ")
            if colon and field == "":
                continue
            if field == "event":
                name = value
            elif field == "data":
                data += value + "\n"
            elif field == "id" and "\0" not in value:
                last = value


class Reader:
    """A subscriber in a thread; after an end it resumes when it is told to."""

    def __init__(self, port, path, kind):
        self.port, self.path, self.kind = port, path, kind
        self.events, self.last_event_id, self.connections, self.trouble = [], "", 0, None
        self.connect()

    def connect(self):
        """Connects, and waits for the first id."""
        self.body = Body(self.port, self.path, self.last_event_id)
        self.connections += 1
        placed = threading.Event()
        self.thread = threading.Thread(target=self._read, args=(self.body, placed), daemon=True)
        self.thread.start()
        if self.kind == "own" and not placed.wait(30):
            raise AssertionError(f"{self.path} names no id: {self.trouble}")

    def _read(self, body, placed):
        try:
            if self.kind == "own":
                for name, data, last in parse(body):
                    self.last_event_id = last or self.last_event_id
                    if name is not None:
                        self.events.append([name, data, self.last_event_id])
                    if self.last_event_id:
                        placed.set()
            else:
                for event in sseclient().SSEClient(body).events():
                    self.last_event_id = event.id or self.last_event_id
                    self.events.append([event.event, event.data, self.last_event_id])
        except BaseException as error:
            self.trouble = repr(error)

    def ended(self):
        self.thread.join(30)
        self.body.close()
        return not self.thread.is_alive()

    def close(self):
        self.body.close()
        self.thread.join(30)
