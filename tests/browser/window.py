#!/usr/bin/env python3
"""The app's window in real Chromium, over a notifier that answers with sample data: an accessibility audit
(axe-core, WCAG 2.2 A and AA and best practices) of every page, in both themes and both languages, wide and
narrow; and nothing that is wider than the window.

The same pages run in the real window in tests/desktop; there is no axe for WebKitGTK's driver.

    window.py [-k WORD]...
"""
import os
import socket
import subprocess
import sys
import unittest
from pathlib import Path

sys.dont_write_bytecode = True

from support.chrome import Chrome, until

UI = Path(__file__).resolve().parents[2] / "ui"
AXE = (UI / "node_modules/axe-core/axe.min.js").read_text()

SECTIONS = ("feeds", "notifications", "quiet", "inbox", "hub", "appearance", "system", "advanced")
# What is audited, by name: the query of the development page, and the keys pressed then.
PAGES = {
    "inbox": "scene=full",
    "message": "scene=full&row=1",
    "burst": "scene=full&row=0",
    "gap": "scene=full&row=2",
    "first start": "scene=first",
    "nothing yet": "scene=quiet",
    "trouble": "scene=trouble",
    "paused": "scene=paused",
    "nothing found": "scene=full&search=rebuild&unread=1",
    "feed": "scene=full&page=feed:journal",
    "new feed": "scene=full&page=feed",
    "role menu": "scene=full&page=feed:journal&click=feed-name,field-role",
    "rule in full": "scene=full&page=feed:journal&click=feed-name,rule-name=Likes,preview-burst",
    "presets": "scene=full&page=feed&click=presets-open",
    "new feed's events": "scene=full&page=feed&click=feed-url=https://new.example/events,feed-test,feed-name,feed-name,feed-name,feed-name,feed-name,feed-name",
    "failed check": "scene=full&page=feed:build&click=feed-test,feed-name,feed-name,feed-name,feed-name",
    "hub": "scene=lan-full&page=hub",
    "hub's first token": "scene=lan-first&page=hub",
    **{f"settings: {section}": f"scene=full&page=settings:{section}" for section in SECTIONS},
    "commands": ("scene=full", [("k", 2)]),
    "keys": ("scene=full", [("?", 0)]),
}
RUN = """
const { violations } = await axe.run(document, {
  resultTypes: ['violations'],
  runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
});
return violations.map(({ id, help, nodes }) =>
  `${id}: ${help}\\n` + nodes.slice(0, 4).map(node => `      ${node.html.slice(0, 160)}\\n      ${(node.any[0] ?? node.all[0] ?? node.none[0])?.message ?? ''}`).join('\\n'));
"""
WIDE = """
return [...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > innerWidth + 1
  && e.checkVisibility() && !e.closest('[aria-hidden=true], .rail, [class*=code], pre')).map(e => e.outerHTML.slice(0, 120)).slice(0, 3)
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def setUpModule():
    global chrome, server, base
    chrome = Chrome()
    port = free_port()
    base = f"http://127.0.0.1:{port}/dev.html"
    server = subprocess.Popen(["node_modules/.bin/vite", "--host", "127.0.0.1", "--port", str(port), "--strictPort"], cwd=UI,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, "BROWSER": "none"})

    def answers():
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            return False
        return True

    until(answers, "the development server")


def tearDownModule():
    server.terminate()
    server.wait()
    chrome.close()


class Audit(unittest.TestCase):
    def look(self, language, theme, size):
        tab = chrome.open("about:blank")
        tab.devtools("Page.addScriptToEvaluateOnNewDocument", source=AXE)
        tab.devtools("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-color-scheme", "value": theme}, {"name": "prefers-reduced-motion", "value": "reduce"}])
        tab.devtools("Emulation.setDeviceMetricsOverride", width=size[0], height=size[1], deviceScaleFactor=1, mobile=False)
        for name, page in PAGES.items():
            query, keys = page if isinstance(page, tuple) else (page, [])
            with self.subTest(name):
                tab.load(f"{base}?{query}&lang={language}&theme={theme}")
                until(lambda: tab.run("return window.model?.app != null && document.querySelector('main, [role=main]') != null"), name)
                # Two drawn frames: what the page's own script clicked is there.
                tab.wait("await new Promise(done => setTimeout(() => requestAnimationFrame(() => requestAnimationFrame(done)), 400))")
                for key, modifiers in keys:
                    for kind in ("keyDown", "keyUp"):
                        tab.devtools("Input.dispatchKeyEvent", type=kind, key=key, modifiers=modifiers,
                                     text=key if kind == "keyDown" and not modifiers else "")
                if keys:
                    until(lambda: tab.run("return document.querySelector('dialog[open], [role=dialog]') != null"), f"the dialog of {name}")
                violations = tab.wait(RUN)
                self.assertEqual(violations, [], "\n" + "\n".join(violations))
                self.assertEqual(tab.run(WIDE), [], "wider than the window")

    def test_english_light(self):
        self.look("en", "light", (1040, 700))

    def test_english_dark(self):
        self.look("en", "dark", (1040, 700))

    def test_chinese_light(self):
        self.look("zh-CN", "light", (1040, 700))

    def test_chinese_dark(self):
        self.look("zh-CN", "dark", (1040, 700))

    def test_narrow(self):
        self.look("zh-CN", "dark", (420, 700))

    def test_the_audit_finds_what_is_wrong(self):
        tab = chrome.open("about:blank")
        tab.devtools("Page.addScriptToEvaluateOnNewDocument", source=AXE)
        tab.load(f"{base}?scene=full")
        until(lambda: tab.run("return window.model?.app != null"), "the page")
        tab.run("document.body.insertAdjacentHTML('beforeend', '<button></button><p style=\"position:fixed;inset:0 auto auto 0;color:#aaa;background:#fff\">faint</p>')")
        found = " ".join(tab.wait(RUN))
        self.assertIn("button-name", found)
        self.assertIn("color-contrast", found)


if __name__ == "__main__":
    unittest.main(verbosity=2)
