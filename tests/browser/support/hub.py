"""The hub as its own process, and a server for the pages that use it."""
import atexit
import http.client
import http.server
import json
import os
import signal
import socket
import subprocess
import tempfile
import threading
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
ROOT = HERE.parent.parent
BINARY = os.environ.get("FEEDBELL_BIN", str(ROOT / "target" / "debug" / "feedbell"))


class Hub:
    """`feedbell serve` with data of its own. It can be restarted at its port."""

    def __init__(self, *options, port=0):
        self.folder = tempfile.TemporaryDirectory(prefix="feedbell-hub-")
        self.options, self.port = options, port
        atexit.register(self.close)
        self.start()

    def start(self):
        command = [BINARY, "serve", "--listen", f"127.0.0.1:{self.port}", "--data", self.folder.name, *self.options]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline().strip()
        if not line.startswith("listening on http://127.0.0.1:"):
            self.process.kill()
            raise AssertionError(f"{' '.join(command)} said {line!r}")
        self.url = line.removeprefix("listening on ")
        self.port = int(line.rpartition(":")[2])

    def stop(self):
        """As Ctrl-C does; it has two seconds."""
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(timeout=5)
        finally:
            self.process.kill()
            self.process.wait()
            self.process.stdout.close()

    def close(self):
        atexit.unregister(self.close)
        if self.process.poll() is None:
            self.stop()
        self.folder.cleanup()

    def post(self, path, body, content_type="application/json"):
        """A program's POST; the answer as it stands."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            body = body if isinstance(body, str) else json.dumps(body)
            connection.request("POST", path, body.encode(), {"Content-Type": content_type})
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def get(self, path, **headers):
        """A program's GET; underscores of header names are hyphens."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def publish(self, **document):
        status, answer = self.post("/publish", document)
        assert status == 200, answer
        return json.loads(answer)["id"]


class Pages:
    """The folder `pages` at an origin of its own; `{{hub}}` in them is the hub."""

    def __init__(self):
        pages = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                name = self.path.partition("?")[0].strip("/")
                page = HERE / "pages" / name
                if not name.endswith(".html") or "/" in name or not page.is_file():
                    return self.send_error(404)
                body = page.read_text(encoding="utf-8").replace("{{hub}}", pages.hub).encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_args):
                pass

        self.hub = ""
        self.connections = []

        class Server(http.server.ThreadingHTTPServer):
            def process_request(self, request, address):
                pages.connections.append(request)
                super().process_request(request, address)

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        # The same server, but to a browser another origin, and another site.
        self.other_url = f"http://localhost:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        # A browser opens some before it needs them.
        for connection in self.connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # it has ended
