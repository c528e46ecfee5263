"""A server that says exactly these bytes, and `feedbell listen` beside it."""
import json
import os
import socket
import socketserver
import subprocess
import tempfile
import threading
import time
from pathlib import Path

from support.hub import BINARY, HERE

PATIENCE = 40


class Answer:
    """One answer, its body in these chunks; `{here}`, `{who}` (the end of it), `{origin}` and `{other}`
    in headers are places of the server.

    `framing` is how the body ends: "chunked"; "length"; "close", as HTTP/1.0 does it; "cut", chunked and never
    finished; "short", less than the length says.
    """

    def __init__(self, *chunks, status=200, type="text/event-stream", framing="chunked", **headers):
        self.chunks, self.status, self.framing = chunks, status, framing
        types = [type] if isinstance(type, str) else list(type or ())
        self.headers = [("Content-Type", one) for one in types]
        self.headers += [(name.replace("_", "-"), value) for name, value in headers.items()]

    def send(self, connection, places):
        """Sends it; gives the time before its last bytes."""
        body = b"".join(self.chunks)
        head = f"HTTP/1.1 {self.status} -\r\nConnection: close\r\nAccess-Control-Allow-Origin: *\r\n"
        for name, value in self.headers:
            for place, address in places.items():
                value = value.replace("{" + place + "}", address)
            head += f"{name}: {value}\r\n"
        if self.framing in ("chunked", "cut"):
            head += "Transfer-Encoding: chunked\r\n"
        elif self.framing in ("length", "short"):
            head += f"Content-Length: {len(body) + (self.framing == 'short')}\r\n"
        connection.sendall(head.encode("latin-1") + b"\r\n")
        for chunk in self.chunks:
            framed = self.framing in ("chunked", "cut")
            connection.sendall(b"%x\r\n%b\r\n" % (len(chunk), chunk) if framed else chunk)
        ending = time.monotonic()
        if self.framing == "chunked":
            connection.sendall(b"0\r\n\r\n")
        return ending


class Drop:
    """The connection ends without an answer."""

    def send(self, _connection, _places):
        return time.monotonic()


class Request:
    def __init__(self, head, place):
        first, *lines = head.split(b"\r\n")
        self.path = first.split(b" ")[1].decode("latin-1").removeprefix(place)
        self.headers = {name.strip().lower().decode("latin-1"): value.strip()
                        for name, _, value in (line.partition(b":") for line in lines)}
        self.came = time.monotonic()
        self.ended = None


class Wire:
    """Answers `/CASE/WHO…`: the first request of each with the case's first answer, and so on, then with 204."""

    def __init__(self, cases):
        self.cases, self.requests, self.lock = cases, {}, threading.Lock()
        wire = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self):
                self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                try:
                    wire._serve(self.request)
                except (ConnectionError, TimeoutError):
                    pass  # one that has heard enough hangs up

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads, request_queue_size = True, 64

        self.server = Server(("127.0.0.1", 0), Handler)
        port = self.server.server_address[1]
        self.url, self.other_url = f"http://127.0.0.1:{port}", f"http://localhost:{port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def _serve(self, connection):
        connection.settimeout(PATIENCE)
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            got = connection.recv(65536)
            if not got:
                return
            head += got
        path = head.split(b" ")[1].decode("latin-1")
        if path == "/":
            page = Answer((HERE / "pages" / "conformance.html").read_bytes(), type="text/html", framing="length")
            page.send(connection, {})
            return
        case, who = (path.split("/") + [""])[1:3]
        if not case.isdigit():
            Answer(status=404, framing="length").send(connection, {})
            return
        here = f"/{case}/{who}"
        request = Request(head[:-4], here)
        with self.lock:
            requests = self.requests.setdefault(here, [])
            number = len(requests)
            requests.append(request)
        answers = self.cases[int(case)].answers
        answer = answers[number] if number < len(answers) else Answer(status=204, type=None, framing="close")
        request.ended = answer.send(connection, {"here": here, "who": who, "origin": self.url, "other": self.other_url})

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def listen(url, follow):
    """What `feedbell listen --json` makes of it: as the page's `listen`."""
    environment = {**os.environ, "LC_ALL": "C.UTF-8", "LANGUAGE": ""}
    with tempfile.TemporaryFile() as out:
        process = subprocess.Popen([BINARY, "listen", "--json", url], stdout=out, stderr=subprocess.PIPE,
                                   encoding="utf-8", env=environment)
        watchdog = threading.Timer(PATIENCE, process.kill)
        watchdog.start()
        said, end = [], None
        try:
            for line in process.stderr:
                said.append(line.rstrip("\n"))
                if "Trying again in" in line and not follow:
                    # Each event was written before this was said.
                    end = "again"
                    process.kill()
                    break
            code = process.wait()
        finally:
            watchdog.cancel()
            process.kill()
            process.wait()
            process.stderr.close()
        if end is None:
            end = "closed" if code in (4, 5, 6, 7) else f"status {code}: {said}"
        out.seek(0)
        lines = [json.loads(line) for line in out.read().decode("utf-8").split("\n") if line]
    events = [[line["event"], line["data"], line["id"], line["origin"]] for line in lines]
    return {"events": events, "opened": said.count("Connected"), "end": end, "said": said}
