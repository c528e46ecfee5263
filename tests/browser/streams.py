#!/usr/bin/env python3
"""Every stream of the hub, read by EventSource in real Chromium, by sseclient-py and by a parser of our own, over a
restart of the hub: each of them gets exactly what was published for it, once and in order.

FEEDBELL_BIN names the binary whose `serve` is tried; target/debug/feedbell if unset.
"""
import http.client
import json
import re
import signal
import sys
import unittest

sys.dont_write_bytecode = True

from support.chrome import Chrome, until
from support.hub import Hub, Pages
from support.readers import Body, Reader, parse, sseclient

NAMES = ["like", "build done", "消息", " x", "notify"]
CONTROL = ["hello", "bye", "ping"]
GREETING = "站内信链接成功！"
END = "the end"
EVERYONE, USER, OTHER, DOOR, LIFT = {}, {"uid": 1}, {"uid": "2"}, {"topic": "door"}, {"topic": "lift"}
BOTH = {"uids": [1, "2"], "topics": ["door"]}
# What would be something else if a frame were written or read wrongly.
TEXTS = ["plain", "one\ntwo\n\nfour\n", " a space", "\ta tab", ": a colon", "data: x\nid: 9\nevent: gap\nretry: 1",
         "a\rb\r\nc\n\rd", "\ufeffa mark", "\u2028\u2029\x85\x0b", "a\0b", "漢字🔔", "", "\n", "x" * 300_000,
         "data: x\n\nid: 0000000000.1\n\n"]


class Publication:
    def __init__(self, to, data, name=None, id=None, kind="native"):
        self.to, self.data, self.name, self.id, self.kind = to, data, name, id, kind


class Stream:
    """An address, and what is for it."""

    def __init__(self, path, *own, everyone=True, first=None, drops=(), ntfy=False):
        self.path, self.first, self.drops, self.ntfy = path, first, drops, ntfy
        self.own = [(kind, str(value)) for address in own for kind, value in address.items()]
        self.everyone = everyone

    def gets(self, publication):
        if not publication.to:
            return self.everyone
        to = [("uid", str(uid)) for uid in [publication.to.get("uid"), *publication.to.get("uids", [])] if uid]
        to += [("topic", topic) for topic in [publication.to.get("topic"), *publication.to.get("topics", [])] if topic]
        return any(address in to for address in self.own)

    def expected(self, publications):
        """What a page gets: name, data, id; without an id where the publisher was not told one."""
        events = [list(self.first)] if self.first else []
        for publication in publications:
            if self.gets(publication):
                # An event stream knows one line end; in JSON they all are.
                data = publication.data
                if self.ntfy:
                    data = data or "triggered"
                elif publication.kind == "native":
                    data = re.sub("\r\n|\r", "\n", data)
                events.append(["message" if self.ntfy else publication.name or "message", data, publication.id])
        return events

    def heard(self, events):
        """The events without what the hub says of itself; those in ntfy's manner by their message."""
        shown = []
        for name, data, id in events:
            if name in self.drops or data in self.drops:
                continue
            if self.ntfy and name in ("open", "keepalive"):
                continue
            if data.startswith('{"id":"') and '"topic":' in data:
                data = json.loads(data)["message"]
            shown.append([name, data, id])
        return shown


BOARD = Stream("/events", first=["message", "[]", None])
QUIET = [
    Stream("/events?uid=1", USER),
    Stream("/events?uid=1&uid=2&topic=door,lift", USER, OTHER, DOOR, LIFT),
    Stream("/events?since=all"),
    Stream("/events?topic=door&control=1", DOOR, drops=CONTROL),
]
OTHERS = [
    Stream("/push?uid=1", USER, drops=[GREETING]),
    Stream("/sse"),
    Stream("/test"),
    Stream("/door/sse", DOOR, everyone=False, ntfy=True),
    Stream("/lift,door/sse?since=all", DOOR, LIFT, everyone=False, ntfy=True),
]


def setUpModule():
    global chrome, pages
    sseclient()
    pages = Pages()
    try:
        chrome = Chrome()
    except BaseException:
        pages.close()
        raise


def tearDownModule():
    chrome.close()
    pages.close()


class Streams(unittest.TestCase):
    maxDiff = 2000

    def hub(self, *options):
        hub = Hub("--allow-origin", pages.url, *options)
        self.addCleanup(hub.close)
        self.published = []
        return hub

    def page(self):
        tab = chrome.open(f"{pages.url}/streams.html")
        self.addCleanup(tab.load, "about:blank")
        return tab

    def publish(self, hub, to, data, name=None, **more):
        document = {**to, "data": data, **more, **({"event": name} if name else {})}
        self.published.append(Publication(to, data, name, hub.publish(**document)))

    def post(self, hub, path, body, to, data, name=None, kind="json", content_type="application/json"):
        status, answer = hub.post(path, body, content_type)
        self.assertEqual(status, 200, answer)
        self.published.append(Publication(to, data, name, None, kind))

    def publish_all(self, hub):
        # The pages are to be back soon.
        self.publish(hub, EVERYONE, "first", retry=200)
        for n, text in enumerate(TEXTS):
            to = [EVERYONE, USER, OTHER, DOOR, LIFT, BOTH][n % 6]
            self.publish(hub, to, text, (None, *NAMES)[n % 5])
            self.publish(hub, BOTH, text)
            self.publish(hub, LIFT, text)
            self.publish(hub, EVERYONE, text)
        self.post(hub, "/fact", '{"n": [1, "二\\n"]}', EVERYONE, '{"n":[1,"二\\n"]}')
        self.post(hub, "/update", {"uid": 1, "msg": "a\nb"}, USER, '{"msg":"给1的消息>>a\\nb","uid":1}', "notify")
        self.post(hub, "/update", {"msg": "c", "isAll": True}, EVERYONE, '{"msg":"给所有人的消息>>c"}', "notify")
        for topic, to in (("door", DOOR), ("lift", LIFT)):
            for text in ("in ntfy's manner", "two\r\nlines", "data: x\n\ndata: y", "\u2028"):
                expected = text.strip()
                self.post(hub, f"/{topic}", text, to, expected or "triggered", content_type="text/plain; charset=utf-8")

    def over_a_restart(self, streams):
        hub = self.hub()
        tab = self.page()
        readers = {}
        for stream in streams:
            readers[stream.path, "own"] = Reader(hub.port, stream.path, "own")
            readers[stream.path, "sseclient"] = Reader(hub.port, stream.path, "sseclient")
            tab.run("listen(arguments[0], arguments[1], arguments[2])", stream.path, hub.url + stream.path,
                    NAMES + CONTROL)
        self.addCleanup(lambda: [reader.close() for reader in readers.values()])
        until(lambda: tab.run("return Object.values(opened).every(times => times > 0)"), "the pages to listen")
        # sseclient-py knows no place before its first event.
        self.publish_all(hub)
        for stream in streams:
            wanted = len(stream.expected(self.published))
            for kind in ("own", "sseclient"):
                reader = readers[stream.path, kind]
                until(lambda: len(stream.heard(reader.events)) >= wanted, f"{stream.path} by {kind}: {reader.trouble}")
            until(lambda: len(stream.heard(tab.run("return got[arguments[0]]", stream.path))) >= wanted, stream.path)

        hub.stop()
        for (path, kind), reader in readers.items():
            self.assertTrue(reader.ended(), path)
        hub.start()
        for to in (EVERYONE, BOTH, LIFT):
            self.publish(hub, to, "missed", "like")
        for reader in readers.values():
            reader.connect()
        # One end for each: what came twice or out of order is before it.
        self.publish(hub, {"topics": ["door", "lift"]}, END)
        self.publish(hub, EVERYONE, END)
        for stream in streams:
            events = {kind: readers[stream.path, kind].events for kind in ("own", "sseclient")}
            ends = sum(data == END for _, data, _ in stream.expected(self.published))
            count = lambda heard: sum(data == END for _, data, _ in stream.heard(heard))
            for kind in ("own", "sseclient"):
                until(lambda: count(events[kind]) >= ends, f"the end of {stream.path} by {kind}")
            until(lambda: count(tab.run("return got[arguments[0]]", stream.path)) >= ends, f"the end of {stream.path}")
            events["EventSource"] = tab.run("return got[arguments[0]]", stream.path)
            self.judge(stream, events)
        tab.run("quit()")
        return hub

    def judge(self, stream, events):
        expected = stream.expected(self.published)
        for kind, got in events.items():
            heard = stream.heard(got)
            with self.subTest(stream=stream.path, by=kind):
                short = lambda list: [(name, data[:60]) for name, data, *_ in list]
                self.assertEqual(short(heard), short(expected))
                for (name, data, id), (_, wanted, stored) in zip(heard, expected):
                    self.assertEqual(data, wanted)
                    if stored:
                        self.assertEqual(id, stored, (name, data[:60]))
                ids = [int(id.rpartition(".")[2]) for _, _, id in heard]
                self.assertEqual(ids, sorted(set(ids)) if not stream.first else sorted(ids))
            if GREETING in stream.drops:
                greetings = sum(data == GREETING for _, data, _ in got)
                self.assertEqual(greetings, 2, "one on each connection")
            if "hello" in stream.drops:
                names = [name for name, _, _ in got if name in CONTROL]
                self.assertEqual(names, ["hello", "bye", "hello"])
                self.assertEqual(json.loads(next(data for name, data, _ in got if name == "bye")), {"reason": "shutdown"})
        # All three tell the same, also where no publisher was told an id.
        self.assertEqual(stream.heard(events["own"]), stream.heard(events["EventSource"]))
        if not stream.first:
            self.assertEqual(stream.heard(events["own"]), stream.heard(events["sseclient"]))

    def resumed(self, hub, path, last_event_id=""):
        body = Body(hub.port, path, last_event_id)
        self.assertEqual(body.status, 200)
        self.assertEqual(body.headers["content-type"].partition(";")[0], "text/event-stream")
        self.assertEqual(body.headers["cache-control"], "no-cache")
        events = [list(event) for event in parse(body) if event[0] is not None]
        body.close()
        return events

    def test_quiet_streams_and_the_board(self):
        hub = self.over_a_restart([*QUIET, BOARD])
        # From any place, in each way to name it, the rest comes, and nothing of what was before.
        for stream in QUIET:
            path = stream.path.replace("&control=1", "").replace("since=all", "").rstrip("?")
            path += ("&" if "?" in path else "?") + "poll=1"
            whole = stream.heard(self.resumed(hub, path))
            self.assertEqual(len(whole), len(stream.expected(self.published)))
            for n in range(0, len(whole), 7):
                rest, id = whole[n + 1:], whole[n][2]
                self.assertEqual(stream.heard(self.resumed(hub, path, id)), rest)
                self.assertEqual(stream.heard(self.resumed(hub, f"{path}&lastEventId={id}")), rest)
                self.assertEqual(stream.heard(self.resumed(hub, f"{path}&since={id}")), rest)
                # The header is newer than the address.
                self.assertEqual(stream.heard(self.resumed(hub, f"{path}&since=all&lastEventId={whole[0][2]}", id)), rest)

    def test_site_messages_everyones_streams_and_topics(self):
        hub = self.over_a_restart(OTHERS)
        for stream in OTHERS[3:]:
            path = stream.path.partition("?")[0] + "?poll=1"
            whole = self.resumed(hub, path)
            self.assertEqual(len(whole), len(stream.expected(self.published)))
            for n in range(0, len(whole), 5):
                name, data, id = whole[n]
                self.assertEqual(self.resumed(hub, path, id), whole[n + 1:])
                self.assertEqual(self.resumed(hub, f"{path}&since={json.loads(data)['id']}"), whole[n + 1:])

    def test_an_unknown_place_is_a_gap_for_all(self):
        hub = self.hub()
        self.publish(hub, EVERYONE, "before")
        self.publish(hub, DOOR, "before")
        tab = self.page()
        for path in ("/events?uid=1", "/events?since=all", "/sse", "/push?uid=1", "/door/sse"):
            events = []
            body = Body(hub.port, path, "0123456789.7")
            for name, data, id in parse(body):
                events.append([name, data, id])
                if name == "gap":
                    break
            body.close()
            self.assertEqual(events[-1][0], "gap", path)
            said = json.loads(events[-1][1])
            self.assertEqual(said["from"], "0123456789.7")
            self.assertEqual(said["to"], events[-1][2])
            # The same by the query, as a page can say it.
            address = hub.url + path + ("&" if "?" in path else "?") + "since=0123456789.7"
            tab.run("listen(arguments[0], arguments[1], ['gap']); const source = sources[arguments[0]];"
                    "source.addEventListener('gap', () => source.close())", path, address)
            until(lambda: tab.run("return got[arguments[0]]", path), f"the gap of {path}")
            heard = [event for event in tab.run("return got[arguments[0]]", path) if event[1] != GREETING]
            self.assertEqual([event[0] for event in heard[:1]], ["gap"], path)

    def test_with_demo(self):
        hub = self.hub("--demo")
        tab = self.page()
        readers = {}
        for path, names in (("/sse", ["user-msg", "timeMessage"]), ("/test", ["test", "pause"])):
            for kind in ("own", "sseclient"):
                readers[path, kind] = Reader(hub.port, path, kind)
                self.addCleanup(readers[path, kind].close)
            tab.run("listen(arguments[0], arguments[1], arguments[2])", path, hub.url + path, names)
        self.addCleanup(lambda: tab.run("quit()"))
        until(lambda: all(reader.events for reader in readers.values()), "the first of each")
        until(lambda: tab.run("return Object.values(got).every(events => events.length)"), "the first in the page")
        self.publish(hub, EVERYONE, "real")
        real = ["message", "real", self.published[0].id]
        for path, last in (("/sse", "user-msg"), ("/test", "pause")):
            for kind in ("own", "sseclient", "EventSource"):
                def events():
                    return readers[path, kind].events if kind != "EventSource" else tab.run("return got[arguments[0]]", path)
                until(lambda: any(name == last for name, _, _ in events()), f"{last} of {path} by {kind}")
                heard = events()
                with self.subTest(path=path, by=kind):
                    self.assertEqual(heard.count(real), 1)
                    made = [event for event in heard if event != real]
                    # Made up, they move no place.
                    place = heard.index(real)
                    self.assertTrue(all(event[2] == real[2] for event in heard[place:]), heard)
                    before = {event[2].rpartition(".")[2] for event in heard[:place]}
                    self.assertLessEqual(before, {"0", ""}, heard)
                    if path == "/test":
                        names = [name for name, _, _ in made]
                        self.assertEqual(names[:6], ["test"] * 5 + ["pause"])

    def test_heads(self):
        hub = self.hub()
        for path in ("/events?uid=1", "/events", "/push?uid=1", "/sse", "/test", "/door/sse"):
            connection = http.client.HTTPConnection("127.0.0.1", hub.port, timeout=10)
            connection.request("GET", path)
            answer = connection.getresponse()
            self.assertEqual(answer.status, 200, path)
            self.assertRegex(answer.getheader("Content-Type"), r"^text/event-stream(; charset=utf-8)?$")
            self.assertEqual(answer.getheader("Cache-Control"), "no-cache")
            self.assertEqual(answer.getheader("X-Accel-Buffering"), "no")
            self.assertEqual(answer.getheader("X-Content-Type-Options"), "nosniff")
            connection.close()


if __name__ == "__main__":
    # Ended from outside, it ends what it has started, as with Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    unittest.main(verbosity=2)
