#!/usr/bin/python3
"""The harness tried on programs that are not ours: a failure here is the harness's."""
import glob
import json
import sys
import tempfile
import unittest
import urllib.request

from desk import Desk
from feed import Feed
from shots import Studio, Wrong, check
from webdriver import Window

# WebKit's own small browser, which comes with the library.
BROWSER = next(iter(glob.glob("/usr/lib/*/webkit2gtk-4.1/MiniBrowser")), "MiniBrowser")


class Harness(unittest.TestCase):
    def test_the_recorder_keeps_what_notify_send_says(self):
        with Desk() as desk:
            desk.run("notify-send", "--urgency=critical", "--app-name=probe", "A title", "A <body>")
            shown = desk.recorder.shown[-1]
            self.assertEqual((shown["title"], shown["body"], shown["urgency"]), ("A title", "A <body>", 2))
            waiting = desk.start("waiting", ["notify-send", "--wait", "--action=read=Mark read", "Second"])
            second = desk.until(lambda: [s for s in desk.recorder.shown if s["title"] == "Second"], "it")[0]
            self.assertEqual(second["actions"], {"read": "Mark read"})
            desk.until(lambda: (desk.recorder.act(second, "read") or "read" in waiting.log()), "the action")

    def test_a_refusing_and_a_missing_daemon_are_told(self):
        with Desk() as desk:
            desk.recorder.behaviour = "refuse"
            with self.assertRaisesRegex(AssertionError, "not today"):
                desk.run("notify-send", "x")
            desk.recorder.stop()
            with self.assertRaisesRegex(AssertionError, "not provided"):
                desk.run("notify-send", "x")
            again = desk.start_recorder()
            desk.run("notify-send", "back")
            self.assertEqual(again.shown[-1]["title"], "back")

    def test_dunst_shows_and_remembers(self):
        with Desk(notifications="dunst") as desk:
            desk.run("notify-send", "Into history", "a body")
            desk.run("dunstctl", "close-all")
            history = json.loads(desk.run("dunstctl", "history"))["data"][0]
            self.assertEqual([entry["summary"]["data"] for entry in history], ["Into history"])
            desk.run("notify-send", "On the screen", "drawn by dunst")
            with tempfile.NamedTemporaryFile(suffix=".png") as picture:
                def drawn():
                    desk.shot(picture.name)
                    return float(desk.run("convert", picture.name, "-format", "%[fx:standard_deviation]", "info:")) > 0.01
                desk.until(drawn, "a pop-up on the bare screen")

    def test_a_real_panel_starts(self):
        with Desk(notifications=None, tray="xfce") as desk:
            desk.until(lambda: "xfce4-panel" in " ".join(desk.windows()), "the panel's window")

    def test_what_is_too_wide_is_found_and_what_fits_is_not(self):
        page = """data:text/html,<body style="margin:0"><div id="box" style="overflow:hidden;width:100px">
            <span style="white-space:nowrap">WORDS</span></div><p style="width:50px;overflow:hidden;
            text-overflow:ellipsis;white-space:nowrap">meant to be cut with an ellipsis</p>"""
        with Desk(notifications=None, env={"GTK_THEME": "Adwaita:dark"}) as desk:
            with Window(desk, [BROWSER, "--automation"]) as window:
                window.visit(page.replace("WORDS", "short"))
                self.assertEqual(window.overflow(), [])
                window.visit(page.replace("WORDS", "far too long for this narrow box"))
                self.assertEqual(len(window.overflow()), 1, window.overflow())
                window.visit(page.replace("width:100px", "width:3000px"))
                self.assertIn("scrolls", window.overflow()[0])
                self.assertTrue(window.js("return matchMedia('(prefers-color-scheme: dark)').matches"))

    def test_a_blank_picture_and_a_missing_text_are_found(self):
        with tempfile.TemporaryDirectory() as folder, Desk(notifications=None) as desk:
            with self.assertRaisesRegex(Wrong, "blank"):
                Studio(folder).keep(desk, "bare", within=1)
            with Window(desk, [BROWSER, "--automation"]) as window:
                window.visit("data:text/html,<p>Unread</p>")
                check(window, "en", "light", ["Unread", "@ui-rail-unread"])
                for locale, theme, expected in (("en", "dark", []), ("en", "light", ["Read"]), ("zh-CN", "light", ["@ui-rail-unread"])):
                    with self.assertRaises(Wrong):
                        check(window, locale, theme, expected)
                window.visit("data:text/html,<p>ui-rail-unread</p>")
                with self.assertRaisesRegex(Wrong, "ids in place"):
                    check(window, "en", "light", [])

    def test_the_feed_replays_after_an_id(self):
        with Feed(overlap=1) as feed:
            first, second = feed.publish({"n": 1}), feed.publish("two\nlines")
            request = urllib.request.Request(feed.url, headers={"Last-Event-ID": str(first + 1)})
            with urllib.request.urlopen(request, timeout=5) as stream:
                lines = [stream.readline().decode().strip() for _ in range(8)]
            self.assertEqual(lines[:3], ["retry: 200", ": hello", ""])
            self.assertIn(f"id: {second}", lines)
            self.assertNotIn(f"id: {first}", lines)
            self.assertIn("data: lines", lines)


if __name__ == "__main__":
    result = unittest.main(exit=False, verbosity=2).result
    failed = len(result.failures) + len(result.errors)
    print(f"{result.testsRun - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)
