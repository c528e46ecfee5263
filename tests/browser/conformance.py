#!/usr/bin/env python3
"""The same bytes to EventSource in real Chromium and to `feedbell listen`: both must report the same.

The bytes are the table below and the fuzz target's inputs. Where the two are meant to differ, the case says why and
what each of them does; any other difference fails. FEEDBELL_BIN names the binary; target/debug/feedbell if unset.
"""
import gzip
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor

sys.dont_write_bytecode = True

from support.chrome import Chrome
from support.hub import ROOT
from support.wire import Answer, Drop, Wire, listen

INPUTS = ROOT / "fuzz" / "seeds" / "stream", ROOT / "fuzz" / "corpus" / "stream"


class Case:
    """Answers in their order, and the events that both report, as name, data, last event id.

    With `follow` the stream is followed until the 204 after the last answer, else up to its first end. `end` is
    "again" if a further connection follows, or "closed". `waits` are the least milliseconds between an answer's end and
    the next request; `elsewhere`: the events' origin is the other one. `unlike` is a reason, and `browser` and `ours` say in what of the above each of the two differs.
    """

    def __init__(self, about, *answers, events=(), end="again", follow=False, waits=(), unlike=None, browser=None,
                 ours=None, elsewhere=False):
        self.about, self.follow, self.waits, self.unlike, self.elsewhere = about, follow, waits, unlike, elsewhere
        self.answers = [Answer(*a) if isinstance(a, tuple) else Answer(a) if isinstance(a, bytes) else a
                        for a in answers]
        same = {"events": events, "end": "closed" if follow else end}
        self.expected = {"browser": {**same, **(browser or {})}, "ours": {**same, **(ours or {})}}
        for expected in self.expected.values():
            expected["events"] = [list(event) for event in expected["events"]]
        assert bool(unlike) == bool(browser or ours), about


def message(data, id=""):
    return ("message", data, id)


A = message("a")
AB = (message("a"), message("b"))
BELL = "🔔".encode()
REJECTED = {"end": "closed"}
MARK_AND_LINE_END = "Chromium overlooks a line end right after the byte order mark, and with it loses a line"
ASKED_ANEW = "a browser stays where the first redirect led; we ask the address in the settings each time"

# What bytes mean.
STREAMS = [
    Case("nothing", b""),
    Case("one line of data", b"data: a\n\n", events=[A]),
    Case("only the first space goes", b"data:   a \n\n", events=[message("  a ")]),
    Case("a tab stays", b"data:\ta\n\n", events=[message("\ta")]),
    Case("lines of data", b"data: a\ndata:b\ndata\ndata: \n\n", events=[message("a\nb\n\n")]),
    Case("empty data", b"data\n\ndata:\n\ndata: \n\n", events=[message("")] * 3),
    Case("no data", b"event: x\n\nid: 1\n\n:\n\nretry: 9000\n\nx: y\n\n\n\n"),
    Case("NUL in data", b"data: a\0b\n\n", events=[message("a\0b")]),
    Case("the last blank line is missing", b"data: a\n\ndata: b\n", events=[A]),
    Case("the last line end is missing", b"data: a\n\ndata: b", events=[A]),
    Case("the last line end is a CR", b"data: a\r\r", events=[A]),
    Case("a CR as the last byte, after CRLF", b"data: a\r\n\r", events=[A]),
    Case("blank lines alone", b"\n\n\n\r\r\r\n\r\n"),
    Case("cut in the middle of an event", Answer(b"data: a\n\ndata: b\n", framing="cut"), events=[A]),
    Case("shorter than its length", Answer(b"data: a\n\ndata: b\n\n", framing="short"), events=AB),
    Case("with a length", Answer(b"data: a\n\n", framing="length"), events=[A]),
    Case("ended by closing", Answer(b"data: a\n\ndata: b\n", framing="close"), events=[A]),

    Case("CR", b"data: a\rdata: b\r\rdata: c\r\r", events=[message("a\nb"), message("c")]),
    Case("CRLF", b"data: a\r\ndata: b\r\n\r\ndata: c\r\n\r\n", events=[message("a\nb"), message("c")]),
    Case("line ends mixed", b"data: a\r\ndata: b\rdata: c\n\r\n", events=[message("a\nb\nc")]),
    Case("LF CR is two line ends", b"data: a\n\rdata: b\n\n", events=AB),
    Case("CR CR LF is two line ends", b"data: a\r\r\ndata: b\r\n\n", events=AB),
    Case("CRLF cut in two", (b"data: a\r", b"\ndata: b\r", b"\n\r", b"\n"), events=[message("a\nb")]),
    Case("CRLF cut in two between events", (b"data: a\r\n\r", b"\ndata: b\r", b"\r"), events=AB),
    Case("each byte a chunk", tuple(bytes([b]) for b in b"\xEF\xBB\xBFid: 1\r\ndata: \xE5\xA5\xBD\r\n\r\nevent:x\rdata\r\r"),
         events=[message("好", "1"), ("x", "", "1")]),
    Case("a chunk before each byte of a character", (b"data: \xF0", b"\x9F", b"\x94", b"\x94", b"\n\n"),
         events=[message("🔔")]),
    Case("no line ends", b"data: a\x0Bb\x0Cc\x1Cd\x1Ee\xC2\x85f\xE2\x80\xA8g\xE2\x80\xA9h\n\n",
         events=[message("a\x0Bb\x0Cc\x1Cd\x1Ee\x85f\u2028g\u2029h")]),

    Case("a byte order mark", b"\xEF\xBB\xBFdata: a\n\n", events=[A]),
    Case("a byte order mark in pieces", (b"\xEF", b"\xBB", b"\xBF", b"data: a\n\n"), events=[A]),
    Case("only one byte order mark goes", b"\xEF\xBB\xBF\xEF\xBB\xBFdata: a\n\ndata: b\n\n", events=[message("b")]),
    Case("a byte order mark later", b"data: a\n\n\xEF\xBB\xBFdata: b\n\n", events=[A]),
    Case("a byte order mark in data", b"data: \xEF\xBB\xBFa\n\n", events=[message("\uFEFFa")]),
    Case("half a byte order mark", b"\xEF\xBBdata: a\n\ndata: b\n\n", events=[message("b")]),
    Case("a byte order mark of UTF-16", b"\xFF\xFEdata: a\n\ndata: b\n\n", events=[message("b")]),
    Case("a byte order mark and a line end", b"\xEF\xBB\xBF\ndata: a\n\ndata: b\n\n", events=AB,
         unlike=MARK_AND_LINE_END, browser={"events": [message("b")]}),

    Case("characters of all lengths", "data: aé好🔔\n\n".encode(), events=[message("aé好🔔")]),
    Case("lone continuation bytes", b"data: a\x80\xBFb\n\n", events=[message("a\uFFFD\uFFFDb")]),
    Case("bytes that never occur", b"data: a\xFF\xC0b\n\n", events=[message("a\uFFFD\uFFFDb")]),
    Case("a sequence cut by the line end", b"data: a\xE4\xBD\ndata: b\n\n", events=[message("a\uFFFD\nb")]),
    Case("a sequence cut by ASCII", b"data: \xF0\x9F\x94x\n\n", events=[message("\uFFFDx")]),
    Case("a sequence cut by another", b"data: \xF0\x9F\x94" + BELL + b"\n\n", events=[message("\uFFFD🔔")]),
    Case("overlong forms", b"data: \xC0\xAF\xE0\x80\xAF\n\n", events=[message("\uFFFD" * 5)]),
    Case("a surrogate", b"data: \xED\xA0\x80\n\n", events=[message("\uFFFD" * 3)]),
    Case("beyond Unicode", b"data: \xF4\x90\x80\x80\n\n", events=[message("\uFFFD" * 4)]),
    Case("noncharacters", "data: \uFFFE\uFFFF\U0010FFFF\n\n".encode(), events=[message("\uFFFE\uFFFF\U0010FFFF")]),
    Case("bad bytes in a name", b"event: \xFF\ndata: a\n\n", events=[("\uFFFD", "a", "")]),
    Case("bad bytes in an id", b"id: \xFF\ndata: a\n\n", events=[message("a", "\uFFFD")]),
    Case("bad bytes in a comment and a field", b":\xFF\n\xFF: \xFE\ndata: a\n\n", events=[A]),

    Case("comments", b":1\ndata: a\n:data: x\n:\n:2\n\n:3\n", events=[A]),
    Case("unknown fields", b"x: y\nhello\ndatax: a\n data: a\ndata : a\nData: a\nda\0ta: a\ndata: a\n\n", events=[A]),
    Case("a space before the colon makes a name", b" : a\n\ndata: b\n\n", events=[message("b")]),
    Case("colons", b"data: a:b: c\ndata::\n\n", events=[message("a:b: c\n:")]),
    Case("a page", b"<html>\n<p>Log in: here</p>\n\n"),

    Case("a name", b"event: like\ndata: a\n\ndata: b\nevent:like\n\n", events=[("like", "a", ""), ("like", "b", "")]),
    Case("the last name counts", b"event: x\nevent: like\ndata: a\n\n", events=[("like", "a", "")]),
    Case("an empty name is message", b"event: x\nevent\ndata: a\n\nevent: \ndata: b\n\n", events=AB),
    Case("a name does not last", b"event: x\n\ndata: a\n\n", events=[A]),
    Case("a name keeps its spaces", b"event:  a b \ndata: c\n\n", events=[(" a b ", "c", "")]),
    Case("a name in Chinese", "event: 点赞\ndata: a\n\n".encode(), events=[("点赞", "a", "")]),
    Case("a name with NUL", b"event: a\0b\ndata: c\n\n", events=[("a\0b", "c", "")]),
    Case("events named open, error and message", b"event: open\ndata: a\n\nevent: error\ndata: b\n\nevent: message\ndata: c\n\n",
         events=[("open", "a", ""), ("error", "b", ""), ("message", "c", "")]),
    Case("a name of an object's own", b"event: constructor\ndata: a\n\nevent: __proto__\ndata: b\n\n",
         events=[("constructor", "a", ""), ("__proto__", "b", "")]),

    Case("an id lasts", b"data: a\nid: 1\n\ndata: b\n\n", events=[message("a", "1"), message("b", "1")]),
    Case("an empty id takes it back", b"id: 1\ndata: a\n\nid\ndata: b\n\n", events=[message("a", "1"), message("b")]),
    Case("an id without data", b"id: 1\n\ndata: a\n\n", events=[message("a", "1")]),
    Case("NUL in an id", b"id: 1\nid: 2\x003\ndata: a\n\nid: \0\ndata: b\n\n", events=[message("a", "1"), message("b", "1")]),
    Case("an id keeps its spaces", b"id:  1 \ndata: a\n\n", events=[message("a", " 1 ")]),
    Case("an id in Chinese, and one of controls", "id: 好\ndata: a\n\nid: \x07\ndata: b\n\n".encode(),
         events=[message("a", "好"), message("b", "\x07")]),

    Case("long lines", b"data: " + b"x" * (3 << 20) + b"\n\n:" + b"y" * (3 << 20) + b"\ndata: b\n\n",
         events=[message("x" * (3 << 20)), message("b")]),
    Case("many lines", b"data: a\n" * 100_000 + b"\n", events=[message("\n".join(["a"] * 100_000))]),
    Case("many events", b"".join(b"id: %d\ndata: %d\n\n" % (n, n) for n in range(5000)),
         events=[message(str(n), str(n)) for n in range(5000)]),
    Case("a line beyond our limit", b"data: a\n\ndata: " + b"x" * (5 << 20) + b"\n\n", events=[A],
         unlike="one server must not fill our memory: a line has at most 4 MiB, and an event with a longer one is left out",
         browser={"events": [message("a"), message("x" * (5 << 20))]}),
    Case("compressed", Answer(gzip.compress(b"data: a\n\n"), Content_Encoding="gzip"), events=[A]),
]

# What answers mean.
ANSWERS = [
    *(Case(f"status {status}", Answer(b"data: a\n\n", status=status), end="closed")
      for status in (201, 202, 203, 205, 206, 300, 304, 400, 401, 403, 404, 408, 410, 418, 421, 425)),
    Case("status 204", Answer(status=204, type=None, framing="close"), end="closed"),
    *(Case(f"status {status}", Answer(b"data: a\n\n", status=status), end="again",
           unlike="429 and 5xx pass: where a browser gives up, we go on trying", browser=REJECTED)
      for status in (429, 500, 502, 503, 504)),
    Case("no answer at all", Drop()),

    *(Case(f"content type {type!r}", Answer(b"data: a\n\n", type=type), events=[A])
      for type in ("text/event-stream;charset=utf-8", "text/event-stream; charset=UTF-8", "TEXT/Event-Stream",
                   'text/event-stream;charset="utf-8"', "text/event-stream;", "text/event-stream ; x=y",
                   "  text/event-stream  ", "text/event-stream;charset=utf-8;x", "text/plain, text/event-stream")),
    *(Case(f"content type {type!r}", Answer(b"data: a\n\n", type=type), end="closed")
      for type in ("text/plain", "text/html", "application/json", "text/event-streams", "text/event", "event-stream",
                   "text /event-stream", "", "text/event-stream, text/plain", None)),
    Case("two content types, the last one right", Answer(b"data: a\n\n", type=["text/plain", "text/event-stream"]),
         events=[A]),
    Case("two content types, the last one wrong", Answer(b"data: a\n\n", type=["text/event-stream", "text/plain"]),
         end="closed"),
    Case("content type 'text/event-stream x'", Answer(b"data: a\n\n", type="text/event-stream x"), end="closed",
         unlike="to the standard this is no content type at all; Chromium reads it up to the space",
         browser={"events": [A], "end": "again"}),
    Case("another charset", Answer("data: é\n\n".encode(), type="text/event-stream;charset=iso-8859-1"),
         events=[message("é")],
         unlike="to the standard a stream is UTF-8 whatever the charset says; Chromium refuses any other",
         browser={"events": [], "end": "closed"}),

    *(Case(f"redirect {status} {about}", Answer(status=status, type=None, framing="length", Location=location),
           Answer(b"data: a\n\n"), events=[A])
      for status in (301, 302, 303, 307, 308)
      for about, location in (("to a path", "{here}/second"), ("to an address", "{origin}{here}/second"))),
    Case("redirect to a relative path", Answer(status=302, framing="length", Location="{who}/../{who}/second?x=%20y#z"),
         Answer(b"data: a\n\n"), events=[A]),
    Case("redirects in a row", *[Answer(status=302, framing="length", Location="{here}/" + n) for n in "abcdefgh"],
         Answer(b"data: a\n\n"), events=[A]),
    Case("redirect to another origin", Answer(status=302, framing="length", Location="{other}{here}/second"),
         Answer(b"data: a\n\n"), events=[A], elsewhere=True),
    Case("redirect without a place", Answer(b"data: a\n\n", status=302), end="closed"),
    Case("redirect to a missing page", Answer(status=302, framing="length", Location="{here}/x"), Answer(status=404), end="closed"),
    Case("redirect in circles", *[Answer(status=302, framing="length", Location="{here}")] * 30, end="closed",
         unlike="to the standard a connection that failed, unless trying again is known to be futile: it is, and we say so",
         browser={"end": "again"}),
    Case("redirect to a file", Answer(status=302, framing="length", Location="file:///etc/passwd"), end="closed",
         unlike="as with circles: it is futile", browser={"end": "again"}),
]

SOON = b"retry: 10\n"

# What one connection leaves to the next: followed up to a 204.
CONNECTIONS = [
    Case("an id is sent back", SOON + b"id: 1\ndata: a\n\n", b"data: b\n\n", b"id: 2\ndata: c\n\n", follow=True,
         events=[message("a", "1"), message("b", "1"), message("c", "2")]),
    Case("no id, no header", SOON + b"data: a\n\n", b"data: b\n\n", follow=True, events=AB),
    Case("an empty id is not sent back", SOON + b"id: 1\ndata: a\n\nid\ndata: b\n\n", b"data: c\n\n", follow=True,
         events=[message("a", "1"), message("b"), message("c")]),
    Case("an id without data is sent back", SOON + b"data: a\n\nid: 1\n\n", b"data: b\n\n", follow=True,
         events=[message("a"), message("b", "1")]),
    Case("an id that is not dispatched is not sent back", SOON + b"id: 1\ndata: a\n\nid: 2\ndata: b\n", b"data: c\n\n",
         follow=True, events=[message("a", "1"), message("c", "1")]),
    Case("an id in Chinese is sent back as UTF-8", SOON + "id: 好 é\ndata: a\n\n".encode(), b"data: b\n\n", follow=True,
         events=[message("a", "好 é"), message("b", "好 é")]),
    Case("an id of JSON is sent back", SOON + b'id: [{"topic":"a, b","offset":-1}]\ndata: a\n\n', b"data: b\n\n",
         follow=True, events=[message(data, '[{"topic":"a, b","offset":-1}]') for data in "ab"]),
    Case("a long id is sent back", SOON + b"id: " + b"x" * 4000 + b"\ndata: a\n\n", b"data: b\n\n", follow=True,
         events=[message("a", "x" * 4000), message("b", "x" * 4000)]),
    Case("spaces around an id", SOON + b"id:  1 \ndata: a\n\n", b"data: b\n\n", follow=True,
         events=[message("a", " 1 "), message("b", " 1 ")]),
    Case("a half character at the end does not reach the next stream", SOON + b"data: a\n\ndata: \xE5\xA5", b"\xBD\n\ndata: b\n\n",
         follow=True, events=AB),
    Case("half an event does not reach the next stream", SOON + b"data: a\n\nevent: x\ndata: y\n", b"data: b\n\n",
         follow=True, events=AB),
    Case("a byte order mark on each stream", b"\xEF\xBB\xBF" + SOON + b"data: a\n\n", b"\xEF\xBB\xBFdata: b\n\n",
         follow=True, events=AB),
    Case("a cut stream is followed by another", Answer(SOON + b"id: 1\ndata: a\n\n", framing="cut"), b"data: b\n\n",
         follow=True, events=[message("a", "1"), message("b", "1")]),
    Case("retry is waited for", b"retry: 1200\ndata: a\n\n", b"data: b\n\n", follow=True, events=AB, waits=[1200, 1200]),
    Case("the last retry counts, without an event", SOON + b"data: a\n\nretry: 900\n\n", b"data: b\n\n", follow=True,
         events=AB, waits=[900, 900]),
    Case("a retry in an unfinished block counts", SOON + b"data: a\n\nretry: 900\n", b"data: b\n\n", follow=True,
         events=AB, waits=[900, 900]),
    Case("what is no number is no retry", b"retry: 900\nretry: +5\nretry: -5\nretry: 5 \nretry: 0x5\nretry: 5.0\nretry:  5\n"
         b"retry: \xEF\xBC\x95\nretry: 5\0\ndata: a\n\n", b"data: b\n\n", follow=True, events=AB, waits=[900, 900]),
    Case("a short retry is honoured twenty times over", *[SOON + b"data: a\n\n"] * 20, follow=True, events=[A] * 20),
    *(Case(f"redirect {status} and the next connection", Answer(status=status, type=None, framing="length", Location="{here}/x"),
           SOON + b"id: 1\ndata: a\n\n", b"data: b\n\n", follow=True, events=[message("a", "1"), message("b", "1")],
           unlike=ASKED_ANEW,
           browser={"asked": [["", "", ""], ["/x", "", ""], ["/x", "1", ""], ["/x", "1", ""]]},
           ours={"asked": [["", "", ""], ["/x", "", ""], ["", "1", ""], ["", "1", ""]]})
      for status in (301, 302, 307, 308)),
    Case("an id of controls", SOON + b"id: a\x07\ndata: a\n\n", b"data: b\n\n", follow=True,
         events=[message("a", "a\x07"), message("b", "a\x07")],
         unlike="HTTP forbids control characters in a header: Chromium sends them, we send none",
         browser={"asked": [["", "", ""], ["", "a\x07", ""], ["", "a\x07", ""]]},
         ours={"asked": [["", "", ""]] * 3}),
    Case("an id with a tab", SOON + b"id: a\tb\ndata: a\n\n", b"data: b\n\n", follow=True,
         events=[message("a", "a\tb"), message("b", "a\tb")]),
    Case("an id of spaces", SOON + b"id:   \ndata: a\n\n", b"data: b\n\n", follow=True,
         events=[message("a", "  "), message("b", "  ")]),
    Case("an id beyond our limit", SOON + b"data: a\n\nid: " + b"x" * 17_000 + b"\ndata: b\n\n", follow=True,
         events=[A, message("b")],
         unlike="an id has at most 16 KiB: more would not fit into a request's header, so it counts as none",
         browser={"events": [A, message("b", "x" * 17_000)]}),
    Case("a cookie", Answer(SOON + b"data: a\n\n", Set_Cookie="a=1"), b"data: b\n\n", follow=True, events=AB,
         unlike="we keep no cookies", browser={"asked": [["", "", ""], ["", "", "a=1"], ["", "", "a=1"]]},
         ours={"asked": [["", "", ""]] * 3}),
]


class Input(Case):
    """One input of the fuzz target: see fuzz/reference.rs."""

    def __init__(self, path):
        content = path.read_bytes() or b"\0"
        sizes = content[1:1 + (content[0] & 7)]
        self.body = rest = content[1 + len(sizes):]
        chunks = []
        while rest:
            size = (sizes[len(chunks) % len(sizes)] or 256) if sizes else len(rest)
            chunks.append(rest[:size])
            rest = rest[size:]
        super().__init__(f"input {path.name}", tuple(chunks))
        # What the standard says of it is held by the test of crates/feed.
        self.expected = {"browser": {}, "ours": {}}
        if self.body.startswith((b"\xEF\xBB\xBF\n", b"\xEF\xBB\xBF\r")):
            self.unlike = MARK_AND_LINE_END


def names(case, found):
    """All names that the browser must be told: of these events, and whatever could be taken for one."""
    said = {"message", "open", "error", *(event[0] for event in found["events"])}
    for answer in case.answers:
        body = b"".join(getattr(answer, "chunks", ())).decode("utf-8", "replace")
        for line in body.replace("\r", "\n").split("\n"):
            name, _, value = line.lstrip("\uFEFF").partition(":")
            if name.strip() == "event":
                said |= {value, value.removeprefix(" "), value.strip(" ")}
    return sorted(said - {""})


def shown(value):
    text = repr(value)
    return text if len(text) < 400 else f"{text[:200]} … {text[-200:]} ({len(text)} characters)"


def asked(wire, n, who, case):
    """The requests, as far as they are the case's: path, last event id, cookie; and what else all of them say."""
    requests = wire.requests.get(f"/{n}/{who}", [])
    requests = requests if case.follow else requests[:len(case.answers)]
    header = lambda request, name: request.headers.get(name, b"").decode("latin-1")
    return {"asked": [[request.path, header(request, "last-event-id"), header(request, "cookie")] for request in requests],
            "heads": sorted({(header(request, "accept"), header(request, "cache-control")) for request in requests})}


def judge(n, case, wire, browser, ours):
    """Prints what is wrong with a case; gives whether nothing is."""
    wrong = []
    for who, result in (("browser", browser), ("ours", ours)):
        origin = wire.other_url if case.elsewhere else wire.url
        result["origins"] = sorted({event[3] for event in result["events"]} - {origin})
        result["events"] = [event[:3] for event in result["events"]]
        result |= asked(wire, n, who, case)
        expected = {**case.expected[who], "origins": []}
        for what, value in expected.items():
            if result[what] != value:
                wrong.append(f"{who}: {what} {shown(result[what])}, expected {shown(value)}")
        requests = wire.requests.get(f"/{n}/{who}", [])
        if case.waits and len(requests) <= len(case.waits):
            wrong.append(f"{who}: asked {len(requests)} times")
        for number, least in enumerate(case.waits[:max(0, len(requests) - 1)]):
            waited = 1000 * (requests[number + 1].came - requests[number].ended)
            if waited < 0.95 * least:
                wrong.append(f"{who}: came back after {waited:.0f} ms, was asked for {least}")
    if not case.unlike:
        for what in ("events", "opened", "end", "asked", "heads"):
            if browser[what] != ours[what]:
                wrong.append(f"{what}: browser {shown(browser[what])}, ours {shown(ours[what])}")
    if wrong:
        print(f"{case.about}: {shown([getattr(a, 'chunks', a) for a in case.answers])}")
        for line in wrong:
            print(f"    {line}")
    return not wrong


def main():
    began = time.monotonic()
    table = STREAMS + ANSWERS + CONNECTIONS
    inputs = [Input(path) for folder in INPUTS for path in sorted(folder.iterdir())]
    assert len(table) >= 60 and len(inputs) >= 200, f"{len(table)} cases, {len(inputs)} inputs"
    cases = table + inputs
    wire = Wire(cases)
    chrome = Chrome()
    try:
        with ThreadPoolExecutor(6) as pool:
            ours = list(pool.map(lambda n: listen(f"{wire.url}/{n}/ours", cases[n].follow), range(len(cases))))
        chrome.ask("POST", "/timeouts", {"script": 60_000})
        tab = chrome.open(f"{wire.url}/")
        jobs = [{"url": f"{wire.url}/{n}/browser", "names": names(case, ours[n]), "follow": case.follow}
                for n, case in enumerate(cases)]
        browser = []
        for first in range(0, len(jobs), 100):
            results = tab.wait("return await listenToAll(arguments[0])", jobs[first:first + 100])
            assert isinstance(results, list), results
            browser += results
        failures = sum(not judge(n, case, wire, browser[n], ours[n]) for n, case in enumerate(cases))
    finally:
        chrome.close()
        wire.close()
    events = sum(len(result["events"]) for result in ours)
    unlike = sum(bool(case.unlike) for case in cases)
    outcome = f"{failures} FAILED" if failures else "all alike"
    print(f"conformance: {len(table)} cases and {len(inputs)} inputs, {events} events, {unlike} known differences,"
          f" {outcome}, {time.monotonic() - began:.0f} s")
    return 1 if failures else 0


if __name__ == "__main__":
    # Ended from outside, it ends what it has started, as with Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main())
