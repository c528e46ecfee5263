#!/usr/bin/env python3
"""The app's window in real Chromium, over a notifier that answers with sample data: an accessibility audit
(axe-core, WCAG 2.2 A and AA and best practices) of every page, in both themes and both languages, wide and
narrow; and nothing that is wider than the window.

The same pages run in the real window in tests/desktop; there is no axe for WebKitGTK's driver.

    window.py [-k WORD]...
"""
import functools
import subprocess
import sys
import tempfile
import threading
import unittest
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

sys.dont_write_bytecode = True

from support.chrome import BrowserError, Chrome, until

UI = Path(__file__).resolve().parents[2] / "ui"
AXE = (UI / "node_modules/axe-core/axe.min.js").read_text()

SECTIONS = ("feeds", "notifications", "quiet", "inbox", "hub", "appearance", "system", "advanced")
# Keys that are no characters, as Windows counts them.
CODES = {"Tab": 9, "Enter": 13, "Escape": 27, "PageUp": 33, "PageDown": 34, "End": 35, "Home": 36, "ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40, "Delete": 46, "F10": 121}
# What is audited, by name: the query of the page over sample data, and the keys pressed then.
PAGES = {
    "inbox": "scene=full",
    "message": "scene=full&row=1",
    "raw event": "scene=full&row=3&click=raw-open,detail-menu",
    "burst": "scene=full&row=0",
    "gap": "scene=full&row=2",
    "first start": "scene=first",
    "nothing yet": "scene=quiet",
    "trouble": "scene=trouble",
    "no tray": "scene=trayless",
    "paused": "scene=paused&click=pause-menu",
    "nothing found": "scene=full&search=rebuild&unread=1",
    "one feed": "scene=full&click=rail-feed-journal,feed-menu",
    "filters": "scene=full&unread=1&click=chip-event-menu,menu-item",
    "deleted": "scene=full&row=3&click=delete,~undo",
    "feed": "scene=full&page=feed:journal",
    "new feed": "scene=full&page=feed",
    "role menu": "scene=full&page=feed:journal&click=feed-name,field-role,~role-menu",
    "rule in full": "scene=full&page=feed:journal&click=rule-more-open,rule-name=Likes,preview-burst",
    "presets": "scene=full&page=feed&click=presets-open",
    "new feed's events": "scene=full&page=feed&click=feed-url=https://new.example/events,feed-test,~test-event",
    "failed check": "scene=full&page=feed&click=feed-url=https://team.example/stream,feed-test,~test-retry",
    "refused token": "scene=full&page=feed:build&click=feed-test,~test-retry",
    "hub": "scene=lan-full&page=hub",
    "hub is off": "scene=full&page=hub&click=hub-off,~hub-is-off",
    "hub did not start": "scene=deaf&page=hub",
    "hub's first token": "scene=lan-first&page=hub",
    "hub's token": "scene=lan-first&page=hub&click=token-create,~token-made",
    **{f"settings: {section}": f"scene=full&page=settings:{section}" for section in SECTIONS},
    "new quiet hours": "scene=full&page=settings:quiet&click=quiet-add,~quiet-new",
    "erase": "scene=full&page=settings:inbox&click=erase-messages,~erase-messages-ask",
    "commands": "scene=full&palette=1",
    "keys": ("scene=full", ["?"]),
}
WIDE, MEDIUM, NARROW = (1040, 700), (800, 700), (420, 700)
# Fonts are there, and nothing has changed for three frames.
STILL = """
const frame = () => new Promise(requestAnimationFrame);
await document.fonts.ready;
let changed = true;
const watch = new MutationObserver(() => { changed = true; });
watch.observe(document, { subtree: true, childList: true, attributes: true });
for (let calm = 0; calm < 3; calm = changed ? 0 : calm + 1) { changed = false; await frame(); }
watch.disconnect();
"""
# What axe finds, as lines.
AUDIT = """
const rules = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
const audit = async (only = rules) => (await axe.run(document, { resultTypes: ['violations'], selectors: false, runOnly: only }))
  .violations.map(({ id, help, nodes }) => `${id}: ${help}\\n` + nodes.slice(0, 4)
    .map(node => `      ${node.html.slice(0, 160)}\\n      ${(node.any[0] ?? node.all[0] ?? node.none[0])?.message ?? ''}`).join('\\n'));
const tooWide = () => [...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > innerWidth + 1
  && e.checkVisibility() && !e.closest('[aria-hidden=true], .rail, [class*=code], pre')).map(e => `wider than the window: ${e.outerHTML.slice(0, 120)}`).slice(0, 3);
const boxes = () => [...document.querySelectorAll('body *')].map(e => Object.values(e.getBoundingClientRect().toJSON()).join()).join(';');
for (let i = 0; i < 2; i += 1) await new Promise(requestAnimationFrame);
"""
ALL = AUDIT + "window.audited = boxes(); return [...await audit(), ...tooWide()];"
# With every box where it was, a theme can only have changed colours: the rules that read those.
COLOURS = AUDIT + "return audit(boxes() === window.audited ? { type: 'rule', values: ['color-contrast', 'link-in-text-block'] } : rules);"
FITS = AUDIT + "return tooWide();"
# What has the focus now, and what is wrong with how that is seen; null at the end of the page, or where it began again.
FOCUSED = """
const element = document.activeElement;
if (element === document.body || window.walked.has(element)) return null;
window.walked.add(element);
const ring = ({ outlineStyle, outlineWidth }) => outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2;
// A handle is drawn smaller than it is reached; a composite shows the focus at its own active row; a field and a search box at their border.
const marks = [element, element.closest('label, .search, .iconic, .ask'), element.closest('[role=listbox]')?.querySelector('[aria-selected=true]')].filter(Boolean);
const ringed = ring(getComputedStyle(element)) || ring(getComputedStyle(element, '::after')) || marks.some(mark => /inset/.test(getComputedStyle(mark).boxShadow));
const { left, top, right, bottom, width, height } = element.getBoundingClientRect();
const seen = width > 0 && height > 0 && right > 0 && bottom > 0 && left < innerWidth && top < innerHeight;
return { what: element.dataset.testid ?? element.ariaLabel ?? element.outerHTML.slice(0, 80), wrong: [...(ringed ? [] : ['no ring']), ...(seen ? [] : ['out of sight'])] };
"""
# How a page is looked at, in each language.
LOOKS = {
    "en": [("light", WIDE, ALL), ("dark", WIDE, COLOURS), ("dark", MEDIUM, FITS), ("dark", NARROW, FITS)],
    "zh-CN": [("light", WIDE, ALL), ("dark", WIDE, COLOURS), ("dark", MEDIUM, FITS), ("dark", NARROW, ALL)],
}


class Files(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass


def setUpModule():
    global built, server, base
    # As it is built: loaded in a tenth of the time that the development server takes.
    built = tempfile.TemporaryDirectory(prefix="feedbell-window-")
    build = subprocess.run(["node_modules/.bin/vite", "build", "--config", "vite.sample.config.ts", "--outDir", built.name], cwd=UI,
                           stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if build.returncode != 0:
        raise RuntimeError(build.stderr)
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Files, directory=built.name))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    base = f"http://127.0.0.1:{server.server_port}/dev.html"


def tearDownModule():
    server.shutdown()
    server.server_close()
    built.cleanup()


class Window:
    """A browser of its own with the window in it."""

    def __init__(self):
        self.chrome = Chrome()
        self.tab = self.chrome.open("about:blank")
        self.look()
        self.tab.load(base)
        until(lambda: self.tab.run("return 'shown' in document.documentElement.dataset"), "the window")
        self.tab.run(AXE)

    def look(self, theme="light", size=WIDE, motion="reduce"):
        self.tab.devtools("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-color-scheme", "value": theme}, {"name": "prefers-reduced-motion", "value": motion}])
        self.tab.devtools("Emulation.setDeviceMetricsOverride", width=size[0], height=size[1], deviceScaleFactor=1, mobile=False)

    def visit(self, query, language="en"):
        # In the same document: what is warm stays warm.
        self.settle("await window.show(arguments[0]);", f"{query}&lang={language}")

    def settle(self, first="", *args):
        failed = self.tab.wait(first + STILL, *args)
        if failed is not None:
            raise AssertionError(failed)

    def press(self, *keys):
        """Keys as a person presses them; `Ctrl+k` and `Shift+Tab` with what is held down."""
        for each in keys:
            self.key(each)
            self.settle()

    def key(self, each):
        *held, key = each.split("+")
        modifiers = sum({"Ctrl": 2, "Shift": 8}[one] for one in held)
        code = CODES.get(key, ord(key.upper()) if len(key) == 1 else 0)
        text = "\r" if key == "Enter" else key if len(key) == 1 and "Ctrl" not in held else ""
        for kind in ("keyDown", "keyUp"):
            self.tab.devtools("Input.dispatchKeyEvent", type=kind, key=key, modifiers=modifiers, windowsVirtualKeyCode=code,
                              text=text if kind == "keyDown" else "")

    def audit(self, language):
        """What is wrong, by page and look."""
        found = {}
        for name, page in PAGES.items():
            query, keys = page if isinstance(page, tuple) else (page, [])
            looks = LOOKS[language]
            self.look(*looks[0][:2])
            try:
                self.visit(query, language)
                self.press(*keys)
                for theme, size, how in looks:
                    self.look(theme, size)
                    found[name, language, theme, size[0]] = self.tab.wait(how)
            except (AssertionError, BrowserError) as error:
                found[name, language] = [str(error)]
        return found

    def close(self):
        self.chrome.close()


class Audit(unittest.TestCase):
    def test_every_page(self):
        def audit(language):
            with closing(Window()) as window:
                return window.audit(language)

        # Side by side: a browser keeps one processor busy.
        with ThreadPoolExecutor() as pool:
            found = {look: lines for each in pool.map(audit, LOOKS) for look, lines in each.items()}
        for look, lines in found.items():
            with self.subTest(", ".join(map(str, look))):
                self.assertEqual(lines, [], "\n" + "\n".join(lines))
        self.assertEqual(len(found), len(PAGES) * sum(map(len, LOOKS.values())))

    def test_the_audit_finds_what_is_wrong(self):
        with closing(Window()) as window:
            window.visit("scene=full")
            window.tab.run("document.body.insertAdjacentHTML('beforeend', '<button></button><p id=faint style=\"position:fixed;inset:0 auto auto 0;width:9999px;background:light-dark(#000,#fff);color:#ccc\">faint</p>')")
            found = " ".join(window.tab.wait(ALL))
            self.assertIn("button-name", found)
            self.assertNotIn("color-contrast", found)
            self.assertIn("wider than the window", found)
            window.look("dark")
            self.assertIn("color-contrast", " ".join(window.tab.wait(COLOURS)))


class Keys(unittest.TestCase):
    """What a keyboard alone can do, with the browser's own focus."""

    @classmethod
    def setUpClass(cls):
        cls.window = Window()
        cls.addClassCleanup(cls.window.close)

    def visit(self, query, size=WIDE):
        self.window.look(size=size)
        self.window.visit(query)

    def press(self, *keys):
        self.window.press(*keys)

    def js(self, script):
        return self.window.tab.run(script)

    def focus(self):
        """What has the focus: its test id, else its name."""
        return self.js("const { activeElement: e } = document; return e === document.body ? null : e.dataset.testid ?? e.ariaLabel ?? e.localName")

    def selected(self):
        return self.js("return model.selected")

    def test_messages_are_read_and_dealt_with(self):
        self.visit("scene=full")
        self.press("j")
        self.assertEqual(self.focus(), "message-list")
        first = self.selected()
        self.press("j", "j", "j")
        row = "model.rows.find(({ id }) => id === model.selected)"
        build = self.selected()
        self.assertEqual(self.js(f"return {row}.event"), "build-failed")
        self.assertEqual(self.js("return document.querySelector('[role=listbox]').getAttribute('aria-activedescendant')"), f"row-{build}")
        self.press("Enter")
        until(lambda: self.js(f"return {row}.unread") is False, "it to be read")
        self.press("u")
        until(lambda: self.js(f"return {row}.unread") is True, "it to be unread")
        listed = lambda id: self.js(f"return model.rows.some((row) => row.id === {id})")
        self.press("e")
        until(lambda: not listed(build), "the message to go")
        gone = self.selected()
        self.assertNotIn(gone, [None, build], "the next message is selected")
        self.press("z")
        until(lambda: listed(build), "the message to come back")
        self.press("#")
        until(lambda: not listed(gone), "the next message to go")
        self.press("Home")
        self.assertEqual(self.selected(), first)
        self.assertEqual(self.focus(), "message-list")

    def test_search_takes_the_focus_and_gives_it_back(self):
        self.visit("scene=full")
        self.press("/")
        self.assertEqual(self.focus(), "search")
        self.press("b", "u", "i", "l", "d")
        until(lambda: self.js("return model.loaded && model.total") == 2, "what is found")
        self.press("ArrowDown")
        self.assertEqual((self.focus(), self.js("return model.selected === model.rows[0].id")), ("message-list", True))
        self.press("/", "Escape")
        self.assertEqual(self.js("return model.search"), "")
        until(lambda: self.js("return model.loaded && model.total") > 2, "the whole list")
        self.assertEqual(self.focus(), "message-list")

    def test_dialogs_keep_the_focus_and_give_it_back(self):
        self.visit("scene=full")
        self.js("document.querySelector('[data-testid=rail-hub]').focus()")
        for keys, inside in [("?", "dialog"), ("Ctrl+k", "palette")]:
            with self.subTest(keys):
                self.press(keys)
                self.assertIsNotNone(self.js("return document.querySelector('dialog[open]')"))
                for _ in range(4):
                    self.press("Tab")
                    self.assertIn(self.js("return document.activeElement === document.body || document.activeElement.closest('dialog') !== null"), [True])
                self.press("Escape")
                self.assertIsNone(self.js("return document.querySelector('dialog[open]')"))
                self.assertEqual(self.focus(), "rail-hub")

    def test_menus_open_move_and_give_the_focus_back(self):
        self.visit("scene=full")
        for menu in ("pause-menu", "chip-feed-menu", "list-menu", "rail-menu-journal"):
            with self.subTest(menu):
                self.js(f"document.querySelector('[data-testid={menu}]').focus()")
                self.press("Enter")
                self.assertEqual(self.js("return document.activeElement.closest('[role=menu]') !== null"), True)
                first = self.js("return document.activeElement.textContent")
                self.press("ArrowDown")
                self.assertNotEqual(self.js("return document.activeElement.textContent"), first)
                self.press("Escape")
                self.assertEqual(self.focus(), menu)

    def test_escape_goes_back(self):
        self.visit("scene=full&page=feed:journal")
        self.press("Escape")
        self.assertEqual(self.js("return model.page.kind"), "settings")
        self.press("Escape")
        self.assertEqual(self.js("return model.page.kind"), "inbox")

    def test_everything_reached_with_tab_is_seen_to_have_the_focus(self):
        """Forwards through every page: a ring or another border, in sight, and no trap."""
        for name in ("message", "first start", "feed", "hub", "settings: quiet", "settings: feeds", "settings: advanced"):
            self.visit(PAGES[name])
            self.js("document.activeElement?.blur(); window.walked = new Set()")
            for _ in range(160):
                self.window.key("Tab")
                step = self.window.tab.wait(FOCUSED)
                if step is None:
                    break
                with self.subTest(page=name, at=step["what"]):
                    self.assertEqual(step["wrong"], [])
            else:
                self.fail(f"{name}: Tab comes to no end")
            self.assertGreater(self.js("return window.walked.size"), 8, name)

    def test_new_messages_are_told_once_and_move_nothing(self):
        self.visit("scene=full")
        self.press("j", "j")
        before = self.js("return document.querySelector('[aria-selected=true]').getBoundingClientRect().y")
        self.js("for (let i = 0; i < 3; i += 1) fake.arrive(`Ada liked note ${i}`)")
        until(lambda: self.js("return document.querySelector('[data-testid=live-polite]').textContent") == "3 new messages", "the live region")
        self.assertEqual(self.js("return document.querySelector('[aria-selected=true]').getBoundingClientRect().y"), before)

    def test_nothing_moves_for_who_asked_for_it(self):
        self.window.look(motion="no-preference")
        self.window.visit("scene=full")
        moving = "return getComputedStyle(document.querySelector('.btn')).transitionDuration"
        self.assertNotIn(self.js(moving), ["0s", "none"])
        self.window.look(motion="reduce")
        self.assertEqual(self.js("return [...document.querySelectorAll('*')].filter(e => { const { transitionProperty, animationName } = getComputedStyle(e); return transitionProperty !== 'none' || animationName !== 'none' }).length"), 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
