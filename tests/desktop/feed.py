"""A feed server that does as it is told: publish, lose connections, replay what was missed."""
import json
import queue
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Feed:
    """Each event gets the next id. Who reconnects with `Last-Event-ID` gets what came after it;
    with `overlap`, also that many events it already had, as servers with a coarse cursor do."""

    def __init__(self, overlap=0):
        self.overlap, self.lock = overlap, threading.Lock()
        self.events, self.subscribers, self.resumed_from = [], [], []
        feed = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                feed.asked.append(self.requestline)
                feed._serve(self)

            def do_POST(self):
                feed.asked.append(self.requestline)
                self.send_error(404)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.host = f"127.0.0.1:{self.server.server_port}"
        self.url = f"http://{self.host}/events"
        self.asked = []  # each request's first line

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        self.drop()
        self.server.shutdown()
        self.server.server_close()

    def publish(self, data, event="like"):
        """Publishes to who is there and keeps it for who is not. `data` is sent as JSON unless it is a string."""
        text = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)
        with self.lock:
            number = 1000 + len(self.events) + 1
            frame = f"id: {number}\nevent: {event}\n" + "".join(f"data: {line}\n" for line in text.split("\n")) + "\n"
            self.events.append((number, frame.encode()))
            for subscriber in self.subscribers:
                subscriber.put(frame.encode())
        return number

    def publish_until(self, seen, data, event="like", within=20):
        """Publishes again and again until somebody saw it: for who may still be connecting."""
        deadline = time.monotonic() + within
        while not seen():
            if time.monotonic() > deadline:
                raise AssertionError(f"nobody saw {data!r} within {within} s")
            self.publish(data, event)
            time.sleep(0.3)

    def drop(self):
        """Ends all connections."""
        with self.lock:
            for subscriber in self.subscribers:
                subscriber.put(None)

    def _serve(self, request):
        if not request.path.startswith(("/events", "/push")):
            request.send_error(404)
            return
        last = request.headers.get("Last-Event-ID")
        inbox = queue.Queue()
        with self.lock:
            self.resumed_from.append(last)
            inbox.put(b"retry: 200\n: hello\n\n")
            if last and last.isdigit():
                for number, frame in self.events:
                    if number > int(last) - self.overlap:
                        inbox.put(frame)
            self.subscribers.append(inbox)
        try:
            request.send_response(200)
            request.send_header("Content-Type", "text/event-stream")
            request.send_header("Cache-Control", "no-store")
            request.send_header("Connection", "close")
            request.end_headers()
            while True:
                try:
                    frame = inbox.get(timeout=5)
                except queue.Empty:
                    frame = b": still here\n\n"
                frames = [frame]  # in a storm many at once, or this program would be what is slow
                while frames[-1] is not None and not inbox.empty():
                    frames.append(inbox.get())
                request.wfile.write(b"".join(frame for frame in frames if frame is not None))
                request.wfile.flush()
                if frames[-1] is None:
                    break
        except OSError:
            pass  # the subscriber left
        finally:
            request.close_connection = True
            with self.lock:
                if inbox in self.subscribers:  # a test may have made it deaf
                    self.subscribers.remove(inbox)
