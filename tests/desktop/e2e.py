#!/usr/bin/python3
"""The desktop app from end to end: a feed publishes, a person reacts, nothing is lost.

Each scenario has a session of its own: X server, bus, window manager, notification daemon, tray.

    e2e.py [-k WORD]...
"""
import json
import os
import signal
import time

from bell import COMMAND, DESKTOP, LIKE, LIKE_BODY, LIKE_TITLE, Bell, like
from scenario import Scenario, run
from webdriver import Window


def escaped(text):
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


class EndToEnd(Scenario):
    def test_a_like_rings_dunst_and_a_click_opens_the_window(self):
        desk = self.open(notifications="dunst")
        bell = Bell(desk, self.feed.url)
        bell.start("--hidden")
        self.assertFalse(bell.window_shown(), "started hidden")
        self.feed.publish(LIKE)
        desk.until(lambda: "1" in desk.run("dunstctl", "count", "displayed"), "a pop-up of dunst's")
        desk.run("dunstctl", "close-all")
        self.assertEqual(bell.unread(), 1, "dismissed is not read")

        entry = json.loads(desk.run("dunstctl", "history"))["data"][0][0]
        self.assertEqual(entry["appname"]["data"], "Feedbell")
        self.assertEqual(entry["summary"]["data"], LIKE_TITLE)
        self.assertIn(entry["body"]["data"], (LIKE_BODY, escaped(LIKE_BODY)))
        self.assertEqual(entry["default_action_name"]["data"], "default")

        self.feed.publish(like("Grace"))
        desk.until(lambda: "1" in desk.run("dunstctl", "count", "displayed"), "the second pop-up")
        desk.run("dunstctl", "action", "0")
        desk.until(bell.window_shown, "the window, by a click on the pop-up")

    def test_a_like_reaches_the_daemon_whole_and_mark_read_marks_it_read(self):
        desk = self.open()
        bell = Bell(desk, self.feed.url)
        bell.start("--hidden")
        desk.until(lambda: desk.tray.items, "the tray icon")
        idle = desk.tray.icon()[1]
        self.assertEqual(bell.tray_count(), 0)

        self.feed.publish(LIKE)
        shown = self.shown(title=LIKE_TITLE)
        self.assertEqual(shown["app"], "Feedbell")
        self.assertEqual(shown["body"], escaped(LIKE_BODY))
        self.assertEqual(shown["urgency"], 2)
        self.assertEqual(list(shown["actions"]), ["default", "open", "read", "snooze", "mute"])
        self.assertEqual((shown["actions"]["open"], shown["actions"]["read"]), ("Open", "Mark read"))
        self.assertEqual(bell.unread(), 1)
        desk.until(lambda: bell.tray_count() == 1, "the unread count in the tray's menu")
        desk.until(lambda: desk.tray.icon()[1] != idle, "the unread icon")

        desk.recorder.act(shown, "read")
        bell.until_unread(0)
        desk.until(lambda: bell.tray_count() == 0, "no unread count")
        desk.until(lambda: desk.tray.icon()[1] == idle, "the idle icon")
        self.assertFalse(bell.window_shown(), "marking read opens nothing")
        self.assertEqual(len(desk.recorder.shown), 1)

    def test_the_window_follows(self):
        desk = self.open()
        bell = Bell(desk, self.feed.url)
        with Window(desk, [DESKTOP]) as window:
            bell.ready()
            self.feed.publish(LIKE)
            row = "[data-testid=message-row]"
            window.until_text(row, LIKE_TITLE)
            self.assertEqual(window.count(row + "[data-unread=true]"), 1)

            shown = self.shown(title=LIKE_TITLE)
            desk.recorder.act(shown, "read")
            desk.until(lambda: window.count(row + "[data-unread=false]") == 1, "the row read")

            window.click(row)
            window.until_text("[data-testid=detail-title]", LIKE_TITLE)
            window.until_text("[data-testid=detail]", "to read <b>this</b>")

            self.feed.publish(like("Grace", "Second post"))
            desk.until(lambda: window.count(row) == 2, "the second row")
            desk.recorder.act(self.shown(title="Grace liked “Second post”"), "open")
            window.until_text("[data-testid=detail-title]", "Grace liked “Second post”")
            bell.until_unread(0)

    def test_a_failed_feed_test_says_why_in_words(self):
        desk = self.open()
        Bell(desk, self.feed.url)
        with Window(desk, [DESKTOP]) as window:
            window.click("[data-testid=rail-add]")
            window.type("[data-testid=feed-url]", self.feed.url.replace("/events", "/nowhere"))
            window.click("[data-testid=feed-test]")
            window.until_text("[data-testid=test-step][data-outcome=failed]", "There is no feed at this address")

    def test_a_kill_loses_and_doubles_nothing(self):
        desk = self.open(overlap=1)  # the server sends the last event again
        bell = Bell(desk, self.feed.url)
        app = bell.start("--hidden")
        for name in ("One", "Two"):
            self.feed.publish(like(name, f"Post {name}"))  # on one post they would be one burst
            self.shown(title=f"{name} liked “Post {name}”")
        bell.until_unread(2)
        bell.until_nothing_owed()

        app.kill()
        self.feed.drop()
        for name in ("Three", "Four", "Five"):
            self.feed.publish(like(name, f"Post {name}"))
        before = len(desk.recorder.shown)
        bell.start("--hidden")
        bell.until_unread(5)
        self.assertEqual(self.feed.resumed_from[-1], "1002")
        desk.until(lambda: len(desk.recorder.shown) > before, "the summary")
        self.assertIn("3", desk.recorder.shown[before]["title"])

        self.feed.publish(like("Six", "Post Six"))
        self.shown(title="Six liked “Post Six”")
        self.assertEqual(len(desk.recorder.shown), before + 2, "one summary, then one by one again")
        self.assertEqual(bell.unread(), 6)

    def test_a_kill_between_commit_and_pop_up_is_made_good(self):
        desk = self.open()
        bell = Bell(desk, self.feed.url)
        app = bell.start("--hidden")
        desk.recorder.behaviour = "hang"
        self.feed.publish(LIKE)
        desk.until(lambda: desk.recorder.hanging, "a Notify that is not answered")
        self.assertEqual(bell.unread(), 1, "stored before it is announced")
        app.kill()

        desk.recorder.behaviour = "take"
        bell.start("--hidden")
        self.shown(title=LIKE_TITLE)
        bell.until_nothing_owed()
        bell.app.kill()
        bell.start("--hidden")
        self.feed.publish(like("Grace"))
        self.shown(title="Grace liked “Hello”")
        self.assertEqual([n["title"] for n in desk.recorder.shown], [LIKE_TITLE, "Grace liked “Hello”"])

    def test_without_a_daemon_it_waits_for_one(self):
        desk = self.open(notifications=None)
        bell = Bell(desk, self.feed.url)
        bell.start("--hidden")
        self.feed.publish(LIKE)
        bell.until_unread(1)
        desk.until(lambda: bell.status()["troubles"], "a trouble")
        desk.recorder = desk.start_recorder()
        self.shown(title=LIKE_TITLE)
        desk.until(lambda: not bell.status()["troubles"], "no trouble any more")

    def test_the_second_start_opens_the_window_and_closing_it_leaves_the_bell(self):
        desk = self.open()
        bell = Bell(desk, self.feed.url)
        app = bell.start("--hidden")
        desk.until(lambda: desk.tray.items, "the tray icon")
        self.assertFalse(bell.window_shown())
        second = desk.start("second", [DESKTOP])
        desk.until(lambda: second.popen.poll() is not None, "the second start's end")
        self.assertEqual(second.popen.returncode, 0)
        desk.until(bell.window_shown, "the window")

        desk.close_window("Feedbell")
        desk.until(lambda: not bell.window_shown(), "no window")
        self.feed.publish(LIKE)
        self.shown(title=LIKE_TITLE)
        self.assertTrue(app.running())
        desk.run(COMMAND, "open")
        desk.until(bell.window_shown, "the window, by the command")

    def test_the_tray_menu_does_what_it_says(self):
        desk = self.open()
        bell = Bell(desk, self.feed.url)
        app = bell.start("--hidden")
        desk.until(lambda: desk.tray.items, "the tray icon")
        labels = desk.tray.labels()
        self.assertIn("Open Feedbell", labels[0])
        self.assertTrue(any("Likes" in label for label in labels), labels)

        desk.tray.click("Open")
        desk.until(bell.window_shown, "the window")

        self.assertIsNone(bell.status()["pause"])
        desk.tray.click("Until I resume")
        desk.until(lambda: bell.status()["pause"] is not None, "the pause")
        self.feed.publish(LIKE)
        bell.until_unread(1)
        desk.run(COMMAND, "resume")
        desk.until(lambda: bell.status()["pause"] is None, "the end of the pause")
        self.feed.publish(like("Grace"))
        self.shown(title="Grace liked “Hello”")
        self.assertEqual([n["title"] for n in desk.recorder.shown], ["Grace liked “Hello”"], "paused is silent")

        def hub(kind):
            desk.until(lambda: bell.status()["hub"]["state"]["kind"] == kind, f"the hub {kind}")
        hub("off")
        desk.tray.click("Hub")
        hub("running")
        desk.until(lambda: any("0 listening" in label for label in desk.tray.labels()), "the subscribers, in the menu")
        desk.tray.click("Hub")
        hub("off")

        desk.tray.click("Quit")
        desk.until(lambda: not app.running(), "the end")
        self.assertEqual(app.popen.returncode, 0)

    def one_click(self, *arguments):
        """On the first screen there is a button that ends in a notification and a message."""
        desk = self.open()
        bell = Bell(desk)
        with Window(desk, [DESKTOP, *arguments]) as window:
            window.click("[data-testid=send-like]")
            desk.until(lambda: desk.recorder.shown, "the first notification")
            window.until_text("[data-testid=message-row]", desk.recorder.shown[0]["title"])
            self.assertEqual(bell.unread(), 1)

    def test_a_newcomers_first_notification_is_one_click(self):
        self.one_click("--try")

    def test_the_first_screen_keeps_its_promise_without_try(self):
        self.one_click()

    def test_without_a_display_one_sentence_names_the_way_out(self):
        for display in (None, ":4711"):  # none at all, and one that nobody answers at
            with self.subTest(display=display):
                desk = self.open()
                env = {key: value for key, value in desk.env.items() if key not in ("DISPLAY", "WAYLAND_DISPLAY")}
                desk.env = env if display is None else {**env, "DISPLAY": display}
                app = desk.start("app", [DESKTOP])
                desk.until(lambda: not app.running(), "the end")
                said = app.log().strip()
                self.assertEqual(app.popen.returncode, 1, said)
                self.assertIn("feedbell run", said)
                self.assertEqual(len(said.splitlines()), 1, said)
                self.assertNotIn("panicked", said)

    def test_a_quit_by_signal_is_clean(self):
        desk = self.open()
        bell = Bell(desk, self.feed.url)
        app = bell.start("--hidden")
        self.feed.publish(LIKE)
        self.shown(title=LIKE_TITLE)
        bell.until_nothing_owed()
        os.kill(app.pid, signal.SIGTERM)
        desk.until(lambda: not app.running(), "the end")
        self.assertNotIn("panicked", app.log())
        bell.start("--hidden")
        self.assertEqual(bell.unread(), 1)
        time.sleep(1)  # a second announcement would have come with the start
        self.assertEqual(len(desk.recorder.shown), 1)


if __name__ == "__main__":
    run()
