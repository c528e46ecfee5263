#!/usr/bin/env python3
"""Pages that nobody allowed, in real Chromium, against a running hub: they store nothing and read nothing.

Each of them tries all of pages/hostile.html: from another site, from another port of the same host, from a name that
was bound to this machine later (DNS rebinding), from a file, from a frame without an origin. The same page may, once
its origin is allowed. FEEDBELL_BIN names the binary whose `serve` is tried; target/debug/feedbell if unset.
"""
import http.client
import json
import signal
import sys
import tempfile
import unittest
from pathlib import Path

sys.dont_write_bytecode = True

from support.chrome import Chrome, until
from support.hub import HERE, Hub, Pages

# A name of somebody else that leads here.
REBOUND = "rebind.test"
# What a page must not get to see, and what no page may say.
SECRET, FORGED = "for programs only", "forged"
# What each attempt comes to for a page that may nothing. A blind one is never told.
NOTHING = {"blocked", "failed", "opaque", "sent", "unreadable", "loaded", "nothing"}


def setUpModule():
    global chrome, pages
    pages = Pages()
    try:
        chrome = Chrome(f"--host-resolver-rules=MAP {REBOUND} 127.0.0.1")
    except BaseException:
        pages.close()
        raise


def tearDownModule():
    chrome.close()
    pages.close()


def number(position):
    return int(position.rpartition(".")[2])


class Foreign(unittest.TestCase):
    def hub(self, *options, port=0):
        hub = Hub(*options, port=port)
        self.addCleanup(hub.close)
        self.before = hub.publish(uid="1", data=SECRET)
        hub.publish(topic="door", data=SECRET)
        return hub

    def open(self, url):
        tab = chrome.open(url)
        self.addCleanup(tab.load, "about:blank")
        tab.patience(120)
        return tab

    def stored_nothing(self, hub, report):
        after = hub.publish(data="after")
        self.assertEqual(number(after), number(self.before) + 2, report)
        status, history = hub.get("/events?uid=1&topic=door&since=all&poll=1")
        self.assertEqual(status, 200)
        self.assertNotIn(FORGED, history)
        status, _ = hub.get("/events?uid=1&poll=1")
        self.assertEqual(status, 200, "a ban was stored")

    def read_nothing(self, report):
        self.assertGreater(len(report), 30)
        self.assertNotIn(SECRET, json.dumps(report))
        for name, outcome in report.items():
            self.assertIn(outcome, NOTHING, name)
            if name.startswith(("EventSource", "an image", "a script")):
                self.assertEqual(outcome, "failed", name)
            if not outcome == "blocked" and "blindly" not in name:
                self.assertNotIn(name, ("a text", "JSON", "the history", "who listens", "the tokens", "the overview"))

    def is_kept_out(self, hub, tab):
        report = tab.wait("return await run()")
        self.assertIsInstance(report, dict, report)
        self.read_nothing(report)
        self.stored_nothing(hub, report)

    def test_of_another_site(self):
        hub = self.hub()
        pages.hub = hub.url
        self.is_kept_out(hub, self.open(f"{pages.other_url}/hostile.html"))

    def test_of_another_port_of_the_same_host(self):
        hub = self.hub()
        pages.hub = hub.url
        self.is_kept_out(hub, self.open(f"{pages.url}/hostile.html"))
        pages.hub = f"http://localhost:{hub.port}"
        self.before = hub.publish(uid="1", data=SECRET)
        hub.publish(topic="door", data=SECRET)
        self.is_kept_out(hub, self.open(f"{pages.other_url}/hostile.html"))

    def test_of_a_foreign_name_that_leads_to_the_hub(self):
        hub = self.hub()
        pages.hub = f"http://{REBOUND}:{hub.port}"
        self.is_kept_out(hub, self.open(f"{pages.url}/hostile.html"))

    def test_of_a_name_that_was_bound_to_the_hub_later(self):
        theirs = Pages()
        try:
            # To the browser, all that it asks from now on is the page's own.
            tab = self.open(f"http://{REBOUND}:{theirs.server.server_port}/hostile.html")
        finally:
            theirs.close()
        hub = self.hub(port=theirs.server.server_port)
        report = tab.wait("return await run()")
        # It can read each refusal, and nothing else.
        for name in ("a text", "JSON", "the history", "the overview", "a topic by PUT"):
            self.assertRegex(report[name], f"^status 403: .*does not answer as `{REBOUND}")
        for name in ("a frame", "a frame of the page"):
            self.assertRegex(report[name], f"does not answer as `{REBOUND}")
        for name, outcome in report.items():
            self.assertFalse(outcome.startswith(("heard", "opened", "read: {\"id", "read: a stream")), (name, outcome))
        self.assertNotIn(SECRET, json.dumps(report))
        self.stored_nothing(hub, report)

    def test_of_a_file(self):
        hub = self.hub()
        page = (HERE / "pages" / "hostile.html").read_text(encoding="utf-8").replace("{{hub}}", hub.url)
        with tempfile.TemporaryDirectory(prefix="feedbell-page-") as folder:
            file = Path(folder) / "hostile.html"
            file.write_text(page, encoding="utf-8")
            self.is_kept_out(hub, self.open(file.as_uri()))

    def test_of_a_frame_without_an_origin(self):
        # Not even when the page around it is allowed.
        hub = self.hub("--allow-origin", pages.url)
        pages.hub = hub.url
        tab = self.open(f"{pages.url}/sandbox.html")
        self.assertEqual(tab.wait("return await new Promise(done => { const frame = document.createElement('iframe');"
                                  "frame.sandbox = 'allow-scripts'; frame.srcdoc = '<script>parent.postMessage(origin, \"*\")"
                                  "<\\/script>'; addEventListener('message', e => done(e.data), {once: true});"
                                  "document.body.append(frame) })"), "null")
        self.is_kept_out(hub, tab)

    def test_the_refusal_names_the_flag(self):
        hub = self.hub()
        pages.hub = hub.url
        tab = self.open(f"{pages.other_url}/hostile.html")
        # A link: the browser says where it comes from, but no origin.
        tab.run("location.href = arguments[0]", f"{hub.url}/events?uid=1")
        until(lambda: "--allow-origin" in tab.text("body"), "the refusal")
        self.assertIn("cross-site", tab.text("body"))
        # A form: it has an origin.
        tab.load(f"{pages.other_url}/hostile.html")
        tab.run("const form = document.createElement('form'); form.method = 'POST'; form.action = arguments[0];"
                "document.body.append(form); form.submit()", f"{hub.url}/publish")
        until(lambda: f"--allow-origin {pages.other_url}" in tab.text("body"), "the refusal")
        # The same to a program that plays a page: preflights too.
        for method, more in (("POST", {}), ("GET", {}), ("OPTIONS", {"Access-Control-Request-Method": "POST"})):
            connection = http.client.HTTPConnection("127.0.0.1", hub.port, timeout=10)
            connection.request(method, "/publish", headers={"Origin": "https://evil.example", **more})
            answer = connection.getresponse()
            self.assertEqual(answer.status, 403)
            self.assertIn("--allow-origin https://evil.example", json.loads(answer.read())["error"])
            self.assertIsNone(answer.getheader("Access-Control-Allow-Origin"))
            connection.close()

    def test_an_allowed_page_may(self):
        hub = self.hub("--allow-origin", pages.other_url)
        pages.hub = hub.url
        tab = self.open(f"{pages.other_url}/hostile.html")
        wanted = ["a text", "JSON", "a fact", "EventSource", "EventSource of the board", "EventSource of a user",
                  "the history, with credentials"]
        report = tab.wait("return await run(arguments[0])", wanted)
        for name in ("a text", "JSON"):
            self.assertRegex(report[name], r'^read: \{"id":"[0-9a-f]{10}\.\d+"\}$')
        self.assertEqual(report["a fact"], 'read: {"r0":0,"r1":""}')
        for name in ("EventSource", "EventSource of the board", "EventSource of a user"):
            self.assertIn(report[name], ("opened", "heard: forged"))
        # A poll of an event stream is one.
        self.assertEqual(report["the history, with credentials"], "read: a stream")
        # An image says no origin, and stays out.
        self.assertEqual(tab.wait("return await run(['an image that publishes'])"), {"an image that publishes": "failed"})
        after = hub.publish(data="after")
        self.assertEqual(number(after), number(self.before) + 1 + 3 + 1)


if __name__ == "__main__":
    # Ended from outside, it ends what it has started, as with Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    unittest.main(verbosity=2)
