#!/usr/bin/python3
"""Pop-ups of `feedbell run` in the daemons that people have, and in one that records every word.

Needs no window: the command line's front end rings as the app's does.

    daemons.py [-k WORD]...
"""
import contextlib
import glob
import json
import unittest

from bell import COMMAND, Bell
from bus import NOTIFICATIONS
from desk import XFCONFD, Desk
from feed import Feed
from scenario import run

XFCE_NOTIFYD = "/usr/lib/*/xfce4/notifyd/xfce4-notifyd"  # by architecture
RULE = """
[[feed.rule]]
title = "{{ data.who }} liked <it> & more"
body = "{{ data.text }}"
link = "{{ data.link }}"
icon = "{{ data.icon }}"
"""
BURST = RULE + """group = "likes"
burst = "{{ count }} likes"
actor = "{{ data.who }}"
"""


def like(who, text="here", **more):
    return {"who": who, "text": text, **more}


def escaped(text):
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


class Daemons(unittest.TestCase):
    def open(self, rule=RULE, language="en", more="", **desk):
        stack = contextlib.ExitStack()
        self.addCleanup(stack.close)
        self.feed = stack.enter_context(Feed())
        self.desk = stack.enter_context(Desk(tray=None, **desk))
        self.bell = Bell(self.desk, self.feed.url, language=language, rule=rule, more=more)
        return self.desk

    def run_it(self):
        self.app = self.desk.start("app", [COMMAND, "run"])
        self.bell.ready()

    def start_xfce(self):
        desk = self.desk
        desk.start("xfconfd", [glob.glob(XFCONFD)[0]])
        desk.wait_for_name("org.xfce.Xfconf")
        # The log of what it showed is what a test can read.
        for name, kind, value in (("/notification-log", "bool", "true"), ("/log-level", "uint", "1"),
                                  ("/primary-monitor", "uint", "0")):
            desk.run("xfconf-query", "-c", "xfce4-notifyd", "-n", "-p", name, "-t", kind, "-s", value)
        return self.restart_xfce()

    def restart_xfce(self):
        process = self.desk.start("xfce4-notifyd", [glob.glob(XFCE_NOTIFYD)[0]])
        self.desk.wait_for_name(NOTIFICATIONS)
        return process

    def xfce_windows(self):
        found = self.desk.run("xdotool", "search", "--class", "xfce4-notifyd", check=False).split()
        shown = [window for window in found
                 if "IsViewable" in self.desk.run("xwininfo", "-id", window, check=False)]
        return len(shown)

    def start_monitor(self):
        """Every word that crosses the bus."""
        monitor = self.desk.start("monitor", ["dbus-monitor", "--address", self.desk.address])
        self.desk.until(monitor.log, "the monitor")
        return monitor

    def dunst_history(self):
        return json.loads(self.desk.run("dunstctl", "history"))["data"][0]

    def dunst_shown(self):
        return int(self.desk.run("dunstctl", "count", "displayed").split()[-1])

    def dunst(self):
        return next(process for process in reversed(self.desk.processes) if process.name == "dunst")

    def test_dunst_shows_text_as_text_and_a_burst_in_place(self):
        desk = self.open(rule=BURST, notifications="dunst")
        monitor = self.start_monitor()
        self.run_it()
        self.feed.publish(like("Ada", "<b>fat</b> & <a href='x'>link</a>"))
        desk.until(lambda: self.dunst_shown() == 1, "the first")
        for who in ("Bo", "Cy", "Ada"):
            self.feed.publish(like(who))
        self.feed.publish(like("Di"))
        desk.until(lambda: "5 likes" in monitor.log(), "the burst as a whole")
        self.assertEqual(self.dunst_shown(), 1, "one that grew in place")
        desk.run("dunstctl", "close-all")
        entry = self.dunst_history()[0]
        self.assertEqual(entry["summary"]["data"], "5 likes")
        self.assertEqual(entry["body"]["data"], "Di, Ada and 2 others")
        self.assertEqual(self.bell.unread(), 5, "dismissed is not read")

    def test_dunst_killed_with_pop_ups_open_is_missed_and_found_again(self):
        desk = self.open(notifications="dunst")
        self.run_it()
        self.feed.publish(like("Ada", "<b>fat</b> & <i>x</i>"))
        desk.until(lambda: self.dunst_shown() == 1, "the first")
        desk.run("dunstctl", "close-all")
        entry = self.dunst_history()[0]
        self.assertEqual(entry["summary"]["data"], "Ada liked <it> & more")
        self.assertIn(entry["body"]["data"], (escaped("<b>fat</b> & <i>x</i>"), "<b>fat</b> & <i>x</i>"))
        self.feed.publish(like("Bo"))
        desk.until(lambda: self.dunst_shown() == 1, "one that stays open")
        self.dunst().kill()
        self.feed.publish(like("Cy"))
        self.bell.until_unread(3)
        desk._start_dunst()
        self.feed.publish(like("Di"))
        desk.until(lambda: self.dunst_shown() >= 1, "a pop-up of the new one")
        self.assertTrue(self.app.running())
        self.assertNotIn("panicked", self.app.log())

    def test_xfce_shows_and_survives_a_kill(self):
        desk = self.open(notifications=None)
        notifyd = self.start_xfce()
        self.run_it()
        self.feed.publish(like("Ada", "<b>fat</b> & <i>x</i>"))
        desk.until(lambda: self.xfce_windows() == 1, "a window of xfce4-notifyd's")
        notifyd.kill()
        self.feed.publish(like("Bo"))
        self.bell.until_unread(2)
        self.restart_xfce()
        self.feed.publish(like("Cy"))
        desk.until(lambda: self.xfce_windows() >= 1, "a pop-up of the new one")
        self.assertTrue(self.app.running())
        self.assertNotIn("panicked", self.app.log())

    def test_what_a_pop_up_offers(self):
        desk = self.open()
        self.run_it()
        self.feed.publish(like("Ada", link="https://example.org/1", icon="mail-unread"))
        shown = desk.until(lambda: desk.recorder.shown, "a pop-up")[0]
        self.assertEqual(list(shown["actions"]), ["default", "open", "read", "snooze", "mute"])
        self.assertEqual(shown["actions"]["snooze"], "Snooze 1 hour")
        self.assertEqual((shown["icon"], shown["urgency"], shown["timeout"]), ("mail-unread", 1, -1))
        self.assertNotIn("suppress-sound", shown["hints"], "the recorder makes no sound")
        desk.recorder.act(shown, "snooze")
        desk.until(lambda: self.bell.status()["pause"], "the pause")
        desk.run(COMMAND, "resume")
        self.feed.publish(like("Bo"))
        shown = desk.until(lambda: desk.recorder.shown[1:], "the next pop-up")[0]
        self.assertEqual(list(shown["actions"]), ["read", "snooze", "mute"], "nothing to open")
        desk.recorder.act(shown, "mute")
        desk.until(lambda: self.bell.feed("likes")["muted"], "the feed is muted")

    def test_nothing_hidden_reaches_the_bus(self):
        desk = self.open(rule=BURST, language="zh-CN", notifications="recorder",
                         more="\n[notifications]\nhide_content = true\n")
        monitor = self.start_monitor()
        self.run_it()
        self.feed.publish(like("SECRET", "SECRET", link="https://example.org/SECRET", icon="SECRET"))
        shown = desk.until(lambda: desk.recorder.shown, "a pop-up")[0]
        self.assertEqual((shown["title"], shown["body"]), ("新消息", "Likes"))
        self.assertEqual(list(shown["actions"].values()), ["标为已读", "暂停 1 小时", "静音订阅源"])
        self.feed.publish(like("SECRET 2"))
        grown = desk.until(lambda: desk.recorder.shown[1:], "the burst")[0]
        self.assertEqual((grown["title"], grown["body"]), ("2 条新消息", "Likes"))
        self.assertEqual(grown["replaces"], shown["id"])
        desk.until(lambda: "2 条新消息" in monitor.log(), "the monitor has seen it")
        self.assertNotIn("SECRET", monitor.log())


if __name__ == "__main__":
    run()
