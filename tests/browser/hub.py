#!/usr/bin/env python3
"""The hub's own page in real Chromium, against a running hub.

FEEDBELL_BIN names the binary whose `serve` is tried; target/debug/feedbell if unset.
"""
import json
import os
import queue
import re
import signal
import socket
import subprocess
import sys
import threading
import unittest
from pathlib import Path

sys.dont_write_bytecode = True

from support.chrome import PATIENCE, Chrome, until
from support.hub import Hub, Pages

TITLES = "return [...document.querySelectorAll('[data-testid=event] [data-testid=title]')].map(e => e.textContent)"
IDS = "return [...document.querySelectorAll('[data-testid=event]')].map(e => e.dataset.id)"
STATE = "return document.querySelector('[data-testid=status]')?.dataset.state"
# Runs before the page does: what Content-Security-Policy forbids is written down, and so is what must not run.
WATCH = """
window.violations = [];
document.addEventListener('securitypolicyviolation', e => violations.push(`${e.violatedDirective} ${e.blockedURI} ${e.sourceFile}`));
window.ran = 0;
"""
TOKEN = "fb_" + "a1B2" * 8


def setUpModule():
    global chrome
    chrome = Chrome()


def tearDownModule():
    chrome.close()


class Page(unittest.TestCase):
    def hub(self, *options):
        hub = Hub(*options)
        self.addCleanup(hub.close)
        return hub

    def open(self, url, before="", language="en-US", dark=False, size=(1280, 800)):
        """A tab with the page. `before` runs before the page's own scripts."""
        tab = chrome.open("about:blank")
        script = tab.devtools("Page.addScriptToEvaluateOnNewDocument", source=WATCH + before)["identifier"]
        self.addCleanup(tab.load, "about:blank")
        self.addCleanup(tab.devtools, "Page.removeScriptToEvaluateOnNewDocument", identifier=script)
        tab.devtools("Emulation.setUserAgentOverride", userAgent=tab.run("return navigator.userAgent"), acceptLanguage=language)
        tab.devtools("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])
        tab.devtools("Emulation.setDeviceMetricsOverride", width=size[0], height=size[1], deviceScaleFactor=1, mobile=False)
        tab.console()
        tab.load(url)
        until(lambda: tab.run(STATE), "the page")
        return tab

    def is_(self, tab, state):
        until(lambda: tab.run(STATE) == state, f"the page to be {state}, not {tab.run(STATE)}")

    def live(self, url, **how):
        tab = self.open(url, **how)
        self.is_(tab, "live")
        return tab

    def shows(self, tab, titles):
        try:
            until(lambda: tab.run(TITLES) == titles, "the list")
        except AssertionError:
            raise AssertionError(f"the page shows {tab.run(TITLES)}, not {titles}") from None

    def untroubled(self, tab):
        """Nothing was forbidden, and the console is quiet but for what the hub does not offer."""
        self.assertEqual(tab.run("return violations"), [])
        self.assertEqual(tab.run("return ran"), 0)
        said = [line for line in tab.console() if "Failed to load resource" not in line]
        self.assertEqual(said, [])

    def fill(self, tab, selector, value):
        tab.run("""const field = document.querySelector(arguments[0]);
            field.value = arguments[1];
            field.dispatchEvent(new Event(field.tagName == 'SELECT' ? 'change' : 'input', {bubbles: true}))""", selector, value)

    def submit(self, tab, form):
        until(lambda: not tab.run("return document.querySelector(arguments[0]).querySelector('button:not([type])').disabled", form), "the button")
        tab.run("document.querySelector(arguments[0]).requestSubmit()", form)


class List(Page):
    def test_what_is_sent_arrives(self):
        hub = self.hub()
        hub.publish(event="like", data={"title": "before"})
        tab = self.live(hub.url + "/?uid=ada")
        self.shows(tab, ["before"])

        # Through the form: a text to everyone, JSON to one user, a topic nobody here listens to.
        self.fill(tab, "#send-words-title", "Coffee is ready")
        self.fill(tab, "#send-text", "In the kitchen")
        self.submit(tab, "form.send")
        self.shows(tab, ["Coffee is ready", "before"])
        tab.run("document.querySelector('form.send [data-id=json]').click()")
        self.fill(tab, "#send-event", "opened")
        self.fill(tab, "#send-to", "uid")
        until(lambda: tab.run("return !!document.querySelector('#send-name')"), "the name")
        self.fill(tab, "#send-name", "ada")
        self.fill(tab, "#send-json", '{"title": "Front door", "link": "https://door.example/?a=1"}')
        self.submit(tab, "form.send")
        self.shows(tab, ["Front door", "Coffee is ready", "before"])
        self.fill(tab, "#send-json", "{oops")
        self.submit(tab, "form.send")
        until(lambda: "JSON" in tab.text("#send-json-error"), "the mistake")
        self.fill(tab, "#send-json", '{"title": "elsewhere"}')
        self.fill(tab, "#send-event", "gap")
        self.submit(tab, "form.send")
        until(lambda: "Not sent:" in tab.text("[data-testid=send-error]"), "the hub's refusal")
        self.fill(tab, "#send-event", "like")
        self.fill(tab, "#send-to", "topic")
        self.fill(tab, "#send-name", "door")
        self.submit(tab, "form.send")
        until(lambda: tab.run("return !!document.querySelector('[data-testid=listen-too]')"), "the offer to listen")
        tab.run("document.querySelector('[data-testid=listen-too]').click()")
        self.shows(tab, ["elsewhere", "Front door", "Coffee is ready", "before"])
        self.assertEqual(tab.run("return location.search"), "?uid=ada&topic=door")

        # Who each was for, as the hub says it.
        to = "return [...document.querySelectorAll('[data-testid=to]')].map(e => e.textContent)"
        until(lambda: tab.run(to) == ["door", "ada", "Everyone", "Everyone"], "the addressees")
        # Opened: all of it, the link, the data as it came.
        tab.run("document.querySelectorAll('[data-testid=event] button')[1].click()")
        link = "return [...document.querySelectorAll('[data-testid=event] a')].map(a => [a.href, a.rel, a.target])"
        self.assertEqual(tab.run(link), [["https://door.example/?a=1", "noopener noreferrer", "_blank"]])
        self.assertIn('"title": "Front door"', tab.text("[data-testid=raw]"))
        # Said to a screen reader, once, together.
        until(lambda: tab.text("[data-testid=spoken]"), "what is said")
        self.untroubled(tab)

    def test_a_restart_loses_and_doubles_nothing(self):
        hub = self.hub()
        tabs = [self.live(hub.url + "/") for _ in range(2)]
        sent = [hub.publish(event="like", data={"title": str(n)}) for n in range(3)]
        for tab in tabs:
            until(lambda: tab.run(IDS) == sent[::-1], "the first events")
        hub.stop()
        for tab in tabs:
            self.is_(tab, "waiting")
            self.assertRegex(tab.text("[data-testid=status]"), r"^Reconnecting")
        hub.start()
        sent += [hub.publish(event="like", data={"title": str(n)}) for n in range(3, 6)]
        tabs[0].run("document.querySelector('[data-testid=try-now]')?.click()")
        for tab in tabs:
            self.is_(tab, "live")
            until(lambda: tab.run(IDS) == sent[::-1], "what was missed")
            self.untroubled(tab)
        # Another log at the same place: nothing papers over it.
        hub.stop()
        for file in Path(hub.folder.name).glob("hub.db*"):
            file.unlink()
        hub.start()
        tabs[1].run("document.querySelector('[data-testid=try-now]')?.click()")
        for tab in tabs:
            until(lambda: tab.run("return document.querySelectorAll('[data-testid=gap]').length") == 1, "the gap")

    def test_the_list_has_an_end(self):
        hub = self.hub()
        tab = self.live(hub.url + "/")
        for n in range(0, 1100):
            hub.publish(event="like", data={"title": str(n)})
        until(lambda: tab.run(TITLES)[:1] == ["1099"], "the newest")
        titles = tab.run(TITLES)
        self.assertEqual(titles, [str(n) for n in range(1099, 99, -1)])

    def test_what_is_sent_stays_text(self):
        hub = self.hub()
        tab = self.live(hub.url + "/?uid=<img src=x onerror=ran=1>")
        bad = ["<script>ran=1</script>", "<img src=x onerror=ran=1>", "<svg/onload=ran=1>", "javascript:ran=1", "{{constructor.constructor('ran=1')()}}",
               "\"><iframe srcdoc='<script>parent.ran=1</script>'>", "<style>*{display:none}</style>", "<a href=javascript:ran=1>x</a>", "<base href=//evil.example>"]
        for payload in bad:
            hub.publish(event=payload[:50].replace("\n", " "), data={"title": payload, "body": payload, "link": payload, payload: payload})
            hub.publish(event="message", data=payload)
        for link in ("javascript:ran=1", " JaVaScRiPt:ran=1", "data:text/html,<script>ran=1</script>", "vbscript:ran=1", "java\nscript:ran=1", "blob:http://x/1"):
            hub.publish(event="link", data={"title": "link", "url": link})
        count = 2 * len(bad) + 6
        until(lambda: len(tab.run(TITLES)) == count, "the events")
        self.assertEqual(set(bad) - set(tab.run(TITLES)), set())
        tab.run("document.querySelectorAll('[data-testid=event] button.head').forEach(b => b.click())")
        until(lambda: tab.run("return document.querySelectorAll('[data-testid=raw]').length") == count, "the details")
        self.assertEqual(tab.run("return document.querySelectorAll('[data-testid=event] :is(script, img, iframe, style, a, base, [onerror], [onload])').length"), 0)
        self.assertEqual(tab.run("return document.querySelectorAll('iframe, img, base').length"), 0)
        self.untroubled(tab)


class Tabs(Page):
    def connections(self, hub):
        """Established connections to the hub, as the kernel counts them."""
        port = f"{hub.port:04X}"
        lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
        return sum(1 for line in (each.split() for each in lines) if line[1].endswith(":" + port) and line[3] == "01")

    def test_eight_tabs_share_one_connection(self):
        hub = self.hub()
        tabs = [self.live(hub.url + "/") for _ in range(8)]
        sent = [hub.publish(event="like", data={"title": str(n)}) for n in range(20)]
        for tab in tabs:
            until(lambda: tab.run(IDS) == sent[::-1], "all events in every tab")
        # Each sends; each hears. With a stream in each tab the seventh could not even ask.
        for n, tab in enumerate(tabs):
            self.fill(tab, "#send-words-title", f"from {n}")
            self.submit(tab, "form.send")
            until(lambda: tab.run(TITLES)[0] == f"from {n}", "its own event")
        for tab in tabs:
            until(lambda: tab.run(TITLES)[:8] == [f"from {n}" for n in range(7, -1, -1)], "everyone's events")
        streams = tabs[0].wait("""const answer = await fetch('/hub/subscribers');
            return answer.ok ? (await answer.json()).subscribers.length : null""")
        if streams is not None:
            self.assertEqual(streams, 1)
        # One for the stream; the others of the six that a browser opens have been let go or stay idle.
        self.assertLessEqual(self.connections(hub), 6)
        # The tab that came first is no more than the others.
        for tab in tabs[:4]:
            tab.load("about:blank")
        last = hub.publish(event="like", data={"title": "last"})
        late = self.live(hub.url + "/")
        for tab in (*tabs[4:], late):
            until(lambda: tab.run(IDS)[0] == last, "the last event")
            ids = tab.run(IDS)
            self.assertEqual(len(ids), 29)
            self.assertEqual(len(set(ids)), 29)

    def test_without_a_shared_worker_each_tab_listens(self):
        hub = self.hub()
        tabs = [self.live(hub.url + "/", before="delete window.SharedWorker") for _ in range(2)]
        sent = hub.publish(event="like", data={"title": "x"})
        for tab in tabs:
            until(lambda: tab.run(IDS) == [sent], "the event")
            self.untroubled(tab)

    def test_a_worker_that_fails_is_done_without(self):
        hub = self.hub()
        tab = self.live(hub.url + "/", before="""window.SharedWorker = class { constructor() {
            this.port = {postMessage() {}}; setTimeout(() => this.onerror(new Event('error'))) } }""")
        sent = hub.publish(event="like", data={"title": "x"})
        until(lambda: tab.run(IDS) == [sent], "the event")


class Holding:
    """A proxy that holds an answer back until it is whole, as some do."""

    def __init__(self, port):
        self.port = port
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        with client, socket.create_connection(("127.0.0.1", self.port)) as server:
            request = b""
            while b"\r\n\r\n" not in request:
                part = client.recv(65536)
                if not part:
                    return
                request += part
            head, _, body = request.partition(b"\r\n\r\n")
            lines = [line for line in head.split(b"\r\n") if not line.lower().startswith(b"connection:")]
            server.sendall(b"\r\n".join([*lines, b"Connection: close"]) + b"\r\n\r\n" + body)
            # The client leaves: so do we.
            def watch():
                while True:
                    try:
                        part = client.recv(65536)
                        if part:
                            server.sendall(part)
                            continue
                    except OSError:
                        pass
                    try:
                        server.shutdown(socket.SHUT_RDWR)
                    except OSError:
                        pass
                    return
            threading.Thread(target=watch, daemon=True).start()
            answer = b""
            try:
                while part := server.recv(65536):
                    answer += part
                client.sendall(answer)
            except OSError:
                pass

    def close(self):
        self.listener.close()


class Polling(Page):
    def test_where_no_stream_gets_through_the_page_asks(self):
        hub = self.hub()
        proxy = Holding(hub.port)
        self.addCleanup(proxy.close)
        first = hub.publish(event="like", data={"title": "first"})
        tab = self.open(proxy.url + "/")
        # Three streams are given ten seconds each.
        until(lambda: tab.run(STATE) == "polling", "polling", seconds=90)
        self.assertRegex(tab.text("[data-testid=status]"), r"every 3 s")
        self.assertIn("asks every 3 s", tab.text("[data-testid=strip]"))
        until(lambda: tab.run(IDS) == [first], "what was")
        sent = [hub.publish(event="like", data={"title": str(n)}) for n in range(3)]
        until(lambda: tab.run(IDS) == [*sent[::-1], first], "what is sent")
        self.untroubled(tab)


class Guarded(Page):
    def test_a_token_is_asked_for_used_everywhere_and_forgotten(self):
        hub = self.hub("--token", TOKEN)
        one, two = self.open(hub.url + "/"), self.open(hub.url + "/")
        for tab in (one, two):
            self.is_(tab, "token")
        self.fill(one, "#token", "wrong")
        self.submit(one, "[data-testid=token-form]")
        until(lambda: "does not know" in one.text("[data-testid=token-wrong]"), "the refusal")
        self.fill(one, "#token", TOKEN)
        self.submit(one, "[data-testid=token-form]")
        for tab in (one, two):
            self.is_(tab, "live")
        self.fill(two, "#send-words-title", "with a token")
        self.submit(two, "form.send")
        for tab in (one, two):
            self.shows(tab, ["with a token"])
            self.assertEqual(tab.run("return sessionStorage['feedbell-token']"), TOKEN)
            kept = tab.run("return JSON.stringify([Object.entries(localStorage), document.cookie, location.href, "
                           "performance.getEntriesByType('resource').map(e => e.name)])")
            self.assertNotIn(TOKEN, kept)
        # It survives a reload, and the closing of the tab it was typed into.
        one.load("about:blank")
        two.run("location.reload()")
        self.is_(two, "live")
        self.shows(two, ["with a token"])
        two.run("document.querySelector('[data-testid=forget]').click()")
        self.is_(two, "token")
        self.assertIsNone(two.run("return sessionStorage['feedbell-token'] ?? null"))
        self.untroubled(two)


class Looks(Page):
    def test_languages_and_schemes(self):
        hub = self.hub()
        hub.publish(event="like", data="{}")
        tab = self.live(hub.url + "/", language="zh-CN", dark=True)
        self.assertEqual(tab.run("return document.documentElement.lang"), "zh-CN")
        self.assertEqual(tab.text("#events-title"), "事件")
        self.assertEqual(tab.text("[data-testid=status]"), "在线")
        self.shows(tab, ["点赞"])
        dark = tab.run("return getComputedStyle(document.body).backgroundColor")
        tab.run("document.querySelector('header [data-id=en]').click()")
        tab.says("Events", "#events-title")
        self.shows(tab, ["Like"])
        # Chosen once, for all times and tabs.
        other = self.live(hub.url + "/", language="zh-CN")
        self.assertEqual(other.text("#events-title"), "Events")
        self.assertNotEqual(other.run("return getComputedStyle(document.body).backgroundColor"), dark)
        other.run("localStorage.clear()")
        self.untroubled(tab)

    # Every text against what is behind it, as WCAG 2 computes it.
    CONTRAST = """
    const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
    const rgb = (colour, under) => { canvas.fillStyle = under; canvas.fillRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
      return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3) };
    const light = c => { const [r, g, b] = c.map(v => (v /= 255) <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4); return .2126 * r + .7152 * g + .0722 * b };
    const behind = e => { const all = []; for (; e; e = e.parentElement) all.push(getComputedStyle(e).backgroundColor);
      return all.reverse().reduce((under, over) => `rgb(${rgb(over, under)})`, 'white') };
    const bad = [];
    for (const e of document.querySelectorAll('body *')) {
      if (![...e.childNodes].some(n => n.nodeType == 3 && n.data.trim()) || !e.checkVisibility() || e.closest('.vh, :disabled, script')) continue;
      const under = behind(e), ink = rgb(getComputedStyle(e).color, under);
      const [a, b] = [light(ink), light(rgb(under, under))].sort((x, y) => y - x);
      if ((a + .05) / (b + .05) < 4.5) bad.push(`${e.className} ${e.textContent.trim().slice(0, 30)} ${((a + .05) / (b + .05)).toFixed(2)}`);
    }
    return bad"""
    # Every control has a name, is large enough, and nothing is wider than the page.
    CONTROLS = """
    const bad = [];
    for (const e of document.querySelectorAll('button, input, select, textarea, a')) {
      if (!e.checkVisibility()) continue;
      const name = e.getAttribute('aria-label') || e.labels?.[0]?.textContent || e.textContent.trim();
      const box = e.getBoundingClientRect();
      if (!name) bad.push('no name: ' + e.outerHTML.slice(0, 80));
      if (e.tagName != 'A' && box.height < 24) bad.push('small: ' + e.outerHTML.slice(0, 80));
    }
    if (document.documentElement.scrollWidth > innerWidth) bad.push('wider than the page');
    const ids = [...document.querySelectorAll('[id]')].map(e => e.id);
    if (new Set(ids).size < ids.length) bad.push('an id twice');
    return bad"""

    def test_everybody_can_read_and_reach_it(self):
        hub = self.hub()
        hub.publish(event="like", data={"title": "Ada liked " + "a very long title " * 20, "body": "text", "link": "https://x.example/" + "long" * 60, "priority": 5})
        hub.publish(event="x" * 100, data="W" * 500)
        for dark in (False, True):
            for language in ("en", "zh-CN"):
                for size in ((1280, 800), (360, 640)):
                    with self.subTest(dark=dark, language=language, size=size):
                        tab = self.live(hub.url + "/?uid=ada&topic=" + "d" * 64, language=language, dark=dark, size=size)
                        until(lambda: len(tab.run(TITLES)) == 2, "the list")
                        tab.run("document.querySelectorAll('[data-testid=event] button').forEach(b => b.click())")
                        tab.run("document.querySelector('[data-testid=listen-add]').click()")
                        for view in ("events", "send", "recipes"):
                            tab.run(f"document.querySelector('.views [data-id={view}]').click()")
                            self.assertEqual(tab.run(self.CONTRAST), [])
                            self.assertEqual(tab.run(self.CONTROLS), [])
                        tab.load("about:blank")
        # What a person has to see when it fails.
        tab = self.live(hub.url + "/", dark=True)
        hub.stop()
        self.is_(tab, "waiting")
        self.assertEqual(tab.run(self.CONTRAST), [])

    def test_keys_alone_do_it(self):
        hub = self.hub()
        hub.publish(event="like", data={"title": "one"})
        hub.publish(event="like", data={"title": "two"})
        tab = self.live(hub.url + "/")
        self.shows(tab, ["two", "one"])

        def press(key, code=0, text=None):
            for kind in ("keyDown", "keyUp"):
                extra = {"text": text} if text and kind == "keyDown" else {}
                tab.devtools("Input.dispatchKeyEvent", type=kind, key=key, windowsVirtualKeyCode=code, **extra)

        focused = "return document.activeElement.textContent.trim()"
        for _ in range(30):
            press("Tab", 9)
            if "two" in tab.run(focused):
                break
        self.assertIn("two", tab.run(focused))
        press("ArrowDown", 40)
        self.assertIn("one", tab.run(focused))
        press("Enter", 13, "\r")
        until(lambda: '"one"' in tab.text("[data-testid=raw]"), "the details")
        self.assertEqual(tab.run("return document.activeElement.ariaExpanded"), "true")
        # What is being read stays where it is while new ones come.
        top = tab.run("return document.activeElement.getBoundingClientRect().top")
        hub.publish(event="like", data={"title": "three"})
        until(lambda: tab.text("[data-testid=news]") == "1 new event", "word of the new one")
        self.assertEqual(tab.run("return document.activeElement.getBoundingClientRect().top"), top)
        tab.run("document.querySelector('[data-testid=news]').click()")
        self.shows(tab, ["three", "two", "one"])
        self.assertIn("three", tab.run(focused))


class Recipes(Page):
    """Each runs as it stands on the page."""

    def recipe(self, tab, way, tool):
        tab.run(f"document.querySelector('.recipes [data-id={tool}]').click()")
        until(lambda: tab.run(f"return document.querySelector('[data-testid=recipe-{way}]').dataset.tool") == tool, "the recipe")
        return tab.run(f"return document.querySelector('[data-testid=recipe-{way}]').textContent")

    def run_(self, command, source=None, **more):
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
                                   env={**os.environ, "FEEDBELL_TOKEN": TOKEN}, **more)
        if source is not None:
            process.stdin.write(source)
        process.stdin.close()

        def stop():
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            process.wait()
            process.stdout.close()
            process.stderr.close()
        self.addCleanup(stop)
        return process

    def start(self, tool, source):
        commands = {"curl": ["sh"], "python": ["/usr/bin/python3" if Path("/usr/bin/python3").exists() else "python3", "-"],
                    "node": ["node", "--input-type=module", "-"]}
        return self.run_(commands[tool], source)

    def receives(self, process, hub, restart):
        """Whether it prints what is sent, a name of its own with it, and goes on after a restart."""
        lines = queue.Queue()
        threading.Thread(target=lambda: [lines.put(line) for line in process.stdout], daemon=True).start()
        printed = ""

        def sees(marker):
            nonlocal printed
            while not lines.empty():
                printed += lines.get()
            self.assertIsNone(process.poll(), "it ended")
            return marker in printed
        n = 0

        def sent():
            # Until it listens, what is sent passes it by.
            nonlocal n
            n += 1
            hub.authorised(event="like", uid="ada", data={"n": n, "text": "一\n二"})
            return sees('"n":')
        until(sent, "the first event")
        if restart:
            hub.stop()
            hub.start()
            hub.authorised(event="door", uid="ada", data="after the restart")
            until(lambda: sees("after the restart"), "what came while it was away")
            self.assertIn("door", printed)

    def check(self, *options):
        hub = self.hub(*options)
        headers = ["-H", f"Authorization: Bearer {TOKEN}"] if options else []

        def authorised(**document):
            subprocess.run(["curl", "-sSf", "-o", os.devnull, *headers, "-d", json.dumps(document), hub.url + "/publish"], check=True)
        hub.authorised = authorised
        tab = self.open(hub.url + "/?uid=ada")
        if options:
            self.is_(tab, "token")
            self.fill(tab, "#token", TOKEN)
            self.submit(tab, "[data-testid=token-form]")
        self.is_(tab, "live")

        for tool in ("curl", "python", "node"):
            with self.subTest(way="receive", tool=tool):
                process = self.start(tool, self.recipe(tab, "receive", tool))
                self.receives(process, hub, restart=tool != "curl")
            self.is_(tab, "live")
        for tool in ("curl", "python", "node"):
            with self.subTest(way="send", tool=tool):
                process = self.start(tool, self.recipe(tab, "send", tool))
                self.assertEqual(process.wait(timeout=PATIENCE), 0, process.stderr.read())
                position = re.search(r'"id":"([^"]+)"', process.stdout.read())[1]
                until(lambda: position in tab.run(IDS), "the like")
                self.assertEqual(tab.run(f"return document.querySelector('[data-id=\"{position}\"] [data-testid=title]').textContent"), "Ada liked your post")
        return hub, tab

    def in_page(self, tab, hub, receive, send):
        tab.run("window.said = []; console.log = (...words) => said.push(words.join(' '))")
        self.assertIsNone(tab.wait(f"{receive}\nwindow.source = bell;"))
        until(lambda: tab.run("return source.readyState") == 1, "the stream")
        self.assertIsNone(tab.wait(send))
        until(lambda: any(line.startswith("like ") and "Ada liked" in line for line in tab.run("return said")), "the like")
        self.assertTrue(any(line.startswith("200 ") for line in tab.run("return said")))

    def test_they_run(self):
        hub, tab = self.check()
        self.in_page(tab, hub, self.recipe(tab, "receive", "browser"), self.recipe(tab, "send", "browser"))

    def test_they_run_with_a_token(self):
        hub, tab = self.check("--token", TOKEN)
        own = lambda way: self.recipe(tab, way, "browser").replace("FEEDBELL_TOKEN", TOKEN)
        if tab.wait(f"return (await fetch('/hub/tickets', {{method: 'POST', headers: {{Authorization: 'Bearer {TOKEN}', 'Content-Type': 'application/json'}}, "
                    "body: '{\"uids\":[\"ada\"],\"topics\":[]}'})).status") == 404:
            self.skipTest("this hub gives no tickets, which an EventSource needs")
        self.in_page(tab, hub, own("receive"), own("send"))

    def test_another_page_may_use_them_if_allowed(self):
        pages = Pages()
        self.addCleanup(pages.close)
        hub = self.hub("--allow-origin", pages.url)
        pages.hub = hub.url
        tab = self.live(hub.url + "/?uid=ada")
        receive, send = (self.recipe(tab, way, "browser") for way in ("receive", "send"))
        other = chrome.open(f"{pages.url}/board.html")
        self.addCleanup(other.load, "about:blank")
        self.in_page(other, hub, receive, send)


class Online(Page):
    def test_who_may_not_know_sees_nothing(self):
        hub = self.hub()
        tab = self.live(hub.url + "/?uid=ada")
        there = tab.wait("return (await fetch('/hub/subscribers')).status")
        section = "return document.querySelectorAll('[data-testid=subscriber]').length"
        if there in (401, 403, 404):
            self.assertIsNone(tab.run("return document.querySelector('[data-testid=online]')"))
            self.assertIsNone(tab.run("return document.querySelector('.views [data-id=online]')"))
            return
        until(lambda: tab.run(section) == 1, "the page itself")
        listener = subprocess.Popen(["curl", "-sN", "-A", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
                                     hub.url + "/events?topic=door"], stdout=subprocess.DEVNULL)
        try:
            until(lambda: tab.run(section) == 2, "the other one")
            name = "return [...document.querySelectorAll('[data-testid=subscriber]')].find(e => e.textContent.includes('door'))"
            self.assertIn("door", tab.run(name + ".textContent"))
            tab.run(name + ".querySelector('button').click()")
            self.assertIn(listener.wait(timeout=PATIENCE), (0, 18))
            until(lambda: tab.run(section) == 1, "it to be gone")
        finally:
            listener.kill()
            listener.wait()


if __name__ == "__main__":
    # Ended from outside, it ends what it has started, as with Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    unittest.main(verbosity=2)
