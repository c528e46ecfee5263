#!/usr/bin/python3
"""What people do in the window, flow by flow: the real window, notifier, inbox and settings file, a real feed.

Each scenario has a session of its own.

    flows.py [-k WORD]...
"""
import csv
import glob
import json
import os
import re
import threading
import urllib.error
import urllib.request

from bell import COMMAND, DESKTOP, Bell, like
from feed import Feed
from scenario import Scenario, run
from webdriver import ALT, CTRL, DOWN, ENTER, TAB, UP, Window

SETTINGS = "config/feedbell/settings.toml"
ENTRY = "config/autostart/feedbell.desktop"
ROW = "[data-testid=message-row]"
TITLE = "[data-testid=detail-title]"
BURSTS = """
[[feed.rule]]
name = "likes"
events = ["like"]
title = "{{ data.actor.name }} liked “{{ data.post.title }}”"
body = "{{ data.text }}"
group = "{{ data.post.title }}"
burst = "{{ count }} likes on “{{ data.post.title }}”"
actor = "{{ data.actor.name }}"

[[feed.rule]]
name = "others"
events = ["build", "favorite"]
title = "{{ data.title }}"
urgency = "{{ data.urgency or 'normal' }}"
"""
NEWS = '\n[[feed]]\nid = "news"\nname = "News"\nurl = "%s"\n'


def at(testid):
    return f'[data-testid="{testid}"]'


class Flows(Scenario):
    def open(self, **more):
        desk = super().open(**more)
        os.makedirs(desk.path("home/Downloads"))
        with open(desk.path("config/user-dirs.dirs"), "w") as file:
            file.write('XDG_DOWNLOAD_DIR="$HOME/Downloads"\n')
        return desk

    def settings(self):
        with open(self.desk.path(SETTINGS)) as file:
            return file.read()

    def until_settings(self, *words):
        self.desk.until(lambda: all(word in self.settings() for word in words), f"{words} in the settings file")

    def downloaded(self, pattern):
        """Waits for a file among the downloads and gives its text."""
        found = self.desk.until(lambda: glob.glob(self.desk.path("home/Downloads", pattern)), f"a download {pattern}")
        with open(found[0], newline="") as file:
            return file.read()

    def menu(self, window, button, label):
        """Opens a menu and takes what is called so in it."""
        window.click(at(button))
        window.click_text(at("menu-item"), label)

    def go(self, window, section):
        window.click(at("rail-settings"))
        window.click(at("settings-" + section))

    def rows(self, window, *titles):
        """Waits until the list is these, from top to bottom."""
        def same():
            shown = window.texts(ROW + " b")
            return len(shown) == len(titles) and all(wanted in title for wanted, title in zip(titles, shown))
        self.desk.until(same, f"rows {titles}, not {window.texts(ROW + ' b')}")

    def until_reason(self, window, words):
        """Waits until the open message says why it is there, and how it went."""
        window.until_text(".ledger", words)

    def test_the_first_day(self):
        """Import and take back, try it now, add a feed by its address."""
        desk = self.open()
        bell = Bell(desk)
        with open(desk.path("feeds.toml"), "w") as file:
            file.write(f'version = 1\n[[feed]]\nid = "farm"\nname = "Build farm"\nurl = "{self.feed.url}"\n'
                       '\n[[feed]]\nid = "door"\nname = "Front door"\nurl = "https://example.org/events"\nbearer = { command = "id" }\n')
        with Window(desk, [DESKTOP]) as window:
            switch = at("welcome-autostart")
            window.element(switch)
            self.assertEqual(window.count(switch + "[aria-checked=false]"), 1, "autostart is a question")
            self.assertFalse(os.path.exists(desk.path(ENTRY)))
            window.click(switch)
            desk.until(lambda: os.path.exists(desk.path(ENTRY)), "the autostart entry")
            window.click(switch)
            desk.until(lambda: not os.path.exists(desk.path(ENTRY)), "no autostart entry")

            window.type(at("import-file"), desk.path("feeds.toml"))
            window.until_text(at("import-result"), "Build farm")
            window.until_text(at("import-result"), "Front door")
            desk.until(lambda: bell.feed("farm")["state"]["kind"] == "live", "the imported feed")
            self.assertEqual(bell.feed("door")["state"]["kind"], "off", "it waits for its secret")
            self.assertNotIn("command", self.settings(), "no command of somebody else's")
            window.click(at("import-undo"))
            window.element(at("send-like"))
            self.assertEqual(bell.status()["feeds"], [])

            window.click(at("send-like"))
            shown = desk.until(lambda: desk.recorder.shown, "the first notification")[0]
            window.until_text(ROW, shown["title"])
            window.click(at("newcomer-ok"))
            window.until_gone(at("newcomer"))

            window.click(at("rail-add"))
            window.type(at("feed-url"), f"http://{self.feed.host}/push?uid=7")
            window.until_text(at("preset-offer"), "Likes")
            window.click(at("preset-use"))
            desk.until(lambda: window.value(at("feed-preset")) == "likes", "the preset")
            window.click(at("feed-test"))
            self.feed.publish_until(lambda: window.count(at("test-event")), {"title": "A trial"})
            window.until_text(at("test-event"), "A trial")
            self.assertEqual(window.count(at("test-step") + "[data-outcome=failed]"), 0)
            window.type(at("feed-name"), "My site")
            window.click(at("feed-save"))
            window.until_text(at("feed-header"), "My site")
            added = desk.until(lambda: next((feed for feed in bell.status()["feeds"] if feed["name"] == "My site"), None), "the feed")
            bell.ready(added["id"])
            self.feed.publish({"title": "Grace liked “Hello”"})
            self.shown(title="Grace liked “Hello”")
            self.rows(window, "Grace liked “Hello”")

    def test_the_inbox_finds_and_files(self):
        desk = self.open()
        with Feed() as news, Window(desk, self.bell_with(BURSTS, NEWS % news.url)) as window:
            bell = self.bell
            bell.ready()
            bell.ready("news")
            publish = self.feed.publish
            publish({"title": "Nightly build failed", "urgency": "high"}, "build")
            publish({"title": "小红收藏了《机器之心》"}, "favorite")
            news.publish({"title": "Rain tomorrow"}, "weather")
            bell.until_unread(3)
            for who in ("Ada", "Grace", "Linus"):
                publish(like(who))
            bell.until_unread(6)
            # Read before that, the later ones would never ring.
            self.shown(title="3 likes on “Hello”")
            everything = ("3 likes on “Hello”", "Rain", "小红收藏", "Nightly")
            desk.until(lambda: sorted(window.texts(ROW + " b")) == sorted(["3 likes on “Hello”", "Rain tomorrow", "小红收藏了《机器之心》",
                                                                          "Nightly build failed"]), "all rows, likes folded")
            order = window.texts(ROW + " b")

            # Filters, one at a time and taken back
            self.menu(window, "chip-feed-menu", "News")
            self.rows(window, "Rain")
            window.click(at("chip-feed-clear"))
            self.rows(window, *order)
            self.menu(window, "chip-event-menu", "favorite")
            self.rows(window, "小红收藏")
            window.click(at("chip-event-clear"))
            self.menu(window, "chip-urgency-menu", "High or more")
            self.rows(window, "Nightly")
            window.click(at("chip-urgency-clear"))
            window.click(at("rail-feed-news"))
            self.rows(window, "Rain")
            window.click(at("rail-all"))
            window.type(at("search"), "收藏")
            self.rows(window, "小红收藏")
            window.enter(at("search"), "nightly")
            self.rows(window, "Nightly")
            window.enter(at("search"), "")
            self.rows(window, *order)

            # A burst, one of it, and back; why
            window.click_text(ROW, "3 likes")
            window.until_text(TITLE, "3 likes on “Hello”")
            window.until_count(at("burst-part"), 3)
            bell.until_unread(3)
            window.click_text(at("burst-part"), "Grace liked")
            window.until_text(TITLE, "Grace liked “Hello”")
            window.until_text(at("detail"), "Grace was here")
            for words in ("Rule 1 “likes” said notify", "Shown as a notification"):
                self.until_reason(window, words)
            window.click(at("detail-back"))
            window.until_text(TITLE, "3 likes on “Hello”")

            # Read, pinned, done, deleted: each a fact of its own, by keys and taken back
            window.click_text(ROW, "Nightly")
            window.until_text(TITLE, "Nightly")
            bell.until_unread(2)
            window.keys("u")
            bell.until_unread(3)
            window.keys("p")
            window.click(at("rail-pinned"))
            self.rows(window, "Nightly")
            window.click(at("rail-all"))
            window.click_text(ROW, "Nightly")
            window.until_text(TITLE, "Nightly")
            rest = [title for title in order if "Nightly" not in title]
            for key, said in (("e", "done"), ("#", "deleted")):
                window.keys(key)
                self.rows(window, *rest)
                window.until_text(at("toast"), said)
                window.keys("z")
                self.rows(window, *order)
                window.click_text(ROW, "Nightly")
                window.until_text(TITLE, "Nightly")

            # All read, and back
            bell.until_unread(2)
            window.click(at("mark-all-read"))
            bell.until_unread(0)
            window.click(at("undo"))
            bell.until_unread(2)

            # A gap is a row, never unread
            publish({}, "gap")
            window.until_text(at("gap-row"), "could not be recovered")
            window.click(at("gap-row"))
            window.until_text(TITLE, "could not be recovered")
            self.assertEqual(bell.unread(), 2)

            # Files with all of it
            self.menu(window, "list-menu", "Export as JSON")
            window.until_text(at("toast"), ".json")
            records = json.loads(self.downloaded("*.json"))
            titles = [record["title"] for record in records if record["kind"] == "event"]
            self.assertEqual(len(titles), 6)
            self.assertIn("小红收藏了《机器之心》", titles)
            self.menu(window, "list-menu", "Export as CSV")
            window.until_text(at("toast"), ".csv")
            lines = list(csv.DictReader(self.downloaded("*.csv").lstrip("\ufeff").splitlines()))
            self.assertEqual([line["title"] for line in lines], [record["title"] for record in records])

    def bell_with(self, rule, more="", **other):
        self.bell = Bell(self.desk, self.feed.url, rule=rule, more=more, **other)
        return [DESKTOP]

    def test_the_feed_editor_maps_events(self):
        desk = self.open()
        with Window(desk, self.bell_with(BURSTS)) as window:
            bell = self.bell
            bell.ready()
            self.go(window, "feeds")
            window.click(at("settings-feed-likes"))
            self.feed.publish(like("Ada"))
            self.feed.publish(like("Grace"))
            window.until_count(at("test-event"), 2)
            preview = at("preview-title")
            window.until_text(preview, "Grace liked “Hello”")

            # A click on a field makes it the title, at once
            window.click_text(at("field"), "Grace was here")
            window.click(at("role-title"))
            window.until_text(preview, "Grace was here")
            self.until_settings('title = "{{ data.text }}"')
            window.click(at("undo"))
            window.until_text(preview, "Grace liked “Hello”")
            self.until_settings("title = \"{{ data.actor.name }} liked")

            # Another event, another picture
            window.click_text(at("test-event") + " td", "Ada")
            window.until_text(preview, "Ada liked “Hello”")

            # The order of rules by keys
            names = lambda: re.findall(r'^name = "(likes|others)"', self.settings(), re.M)
            self.assertEqual(names(), ["likes", "others"])
            window.js("document.querySelectorAll('[data-rule]')[1].focus()")
            window.keys(UP, held=[ALT])
            window.until_text(at("rule-said"), "1")
            desk.until(lambda: names() == ["others", "likes"], "the other order, in the file")
            window.keys(DOWN, held=[ALT])
            desk.until(lambda: names() == ["likes", "others"], "the old order, in the file")

            # A test goes the whole way
            before = len(desk.recorder.shown)
            window.click(at("send-test"))
            window.until_text(at("send-test-said"), "It went through")
            desk.until(lambda: len(desk.recorder.shown) > before, "the test's notification")
            window.click(at("send-test-open"))
            window.until_text(TITLE, desk.recorder.shown[-1]["title"])
            window.click(at("burst-part"))
            self.until_reason(window, "A test that you sent")

            # What is wrong is named where it is, and not written
            self.go(window, "feeds")
            window.click(at("settings-feed-likes"))
            window.click_text("[data-rule]", "likes")
            before = self.settings()
            window.enter(at("rule-title"), "{{ oh" + TAB)
            window.until_text(at("error-rules.0.title"), "does not compile")
            self.assertEqual(self.settings(), before)
            window.enter(at("rule-title"), "Fine" + TAB)
            window.until_gone(at("error-rules.0.title"))
            self.until_settings('title = "Fine"')
            window.enter(at("feed-url"), "nowhere at all" + TAB)
            window.until_text(at("error-url"), "nowhere at all")
            self.assertIn(self.feed.url, self.settings())
            window.enter(at("feed-url"), self.feed.url + TAB)
            window.until_gone(at("error-url"))

            # A token goes to the secrets, and no export has it
            window.choose(at("feed-access"), "bearer")
            window.type(at("secret-access.token"), "s3cret-token" + TAB)
            self.until_settings("bearer = {")
            self.assertNotIn("s3cret", self.settings())
            self.go(window, "feeds")
            window.click(at("export-feeds"))
            window.until_text(at("toast"), "Downloads")
            exported = self.downloaded("*.toml")
            self.assertIn(self.feed.url, exported)
            self.assertIn('title = "Fine"', exported)
            self.assertNotIn("s3cret", exported)

    def test_quiet_is_one_thing_everywhere(self):
        desk = self.open()
        labels = lambda: desk.tray.labels()
        with Window(desk, self.bell_with(BURSTS)) as window:
            bell = self.bell
            bell.ready()

            # Quiet hours around the clock
            self.go(window, "quiet")
            window.click(at("quiet-add"))
            for day in (6, 7):
                window.click(at(f"quiet-day-{day}"))
            for edge in ("from", "until"):
                window.enter(at(f"quiet-new-{edge}"), "00:00" + TAB)
            window.click(at("quiet-new-add"))
            window.until_text(at("quiet-status"), "Quiet hours until")
            self.assertEqual(bell.status()["quiet"]["now"]["kind"], "hours")
            self.feed.publish({"title": "At night"}, "build")
            bell.until_unread(1)
            window.click(at("breakthrough-high"))
            self.until_settings('breakthrough = "high"', 'from = "00:00"')
            self.feed.publish({"title": "The house is on fire", "urgency": "high"}, "build")
            self.shown(title="The house is on fire")
            self.assertEqual(len(desk.recorder.shown), 1, "the other one was silent")
            window.click(at("rail-all"))
            window.click_text(ROW, "At night")
            self.until_reason(window, "Kept silently, quiet hours until")
            self.go(window, "quiet")
            window.click(at("quiet-on"))
            window.until_text(at("quiet-status"), "Notifications are on")

            # One feed alone
            window.js("document.querySelector(arguments[0]).focus()", at("rail-menu-likes"))
            window.keys(ENTER)
            window.click_text(at("menu-item"), "Mute for good")
            desk.until(lambda: bell.feed("likes")["muted"], "the feed muted, for the command")
            desk.until(lambda: any(label.startswith("Likes") and "muted" in label for label in labels()), "and in the tray")
            self.feed.publish({"title": "Muted"}, "build")
            window.click(at("rail-all"))
            window.click_text(ROW, "Muted")
            self.until_reason(window, "Kept silently, Likes is muted")
            self.go(window, "quiet")
            window.click(at("quiet-unmute"))
            desk.until(lambda: not bell.feed("likes")["muted"], "the feed not muted")
            self.feed.publish({"title": "Loud again"}, "build")
            self.shown(title="Loud again")

            # A pause, begun and ended anywhere
            window.click(at("rail-all"))
            self.menu(window, "pause-menu", "For 1 hour")
            desk.until(lambda: any(label.startswith("Paused until ") for label in labels()), "its end, in the tray")
            desk.tray.click("Resume")
            desk.until(lambda: bell.status()["pause"] is None, "no pause")
            window.click(at("pause"))
            desk.until(lambda: bell.status()["pause"] == {"until": None}, "the pause, for the command")
            desk.until(lambda: "Notifications are paused" in labels(), "the pause, in the tray")
            window.until_text(at("status-pill"), "Notifications are paused")
            self.feed.publish({"title": "While paused"}, "build")
            window.click_text(ROW, "While paused")
            self.until_reason(window, "Kept silently, notifications are paused")
            self.assertEqual([each["title"] for each in desk.recorder.shown], ["The house is on fire", "Loud again"])

        # The same after a start, until somebody ends it
        with Window(desk, [DESKTOP]) as window:
            bell.ready()
            self.assertEqual(bell.status()["pause"], {"until": None})
            window.until_text(at("status-pill"), "Notifications are paused")
            desk.run(COMMAND, "resume")
            window.element(at("pause"))
            desk.until(lambda: "Notifications are paused" not in labels(), "no pause, in the tray")

    def test_the_hub_sends_and_shows_who_listens(self):
        desk = self.open()
        Bell(desk)
        with Window(desk, [DESKTOP]) as window:
            window.click(at("rail-hub"))
            window.click(at("hub-start"))
            window.element(at("hub-url"))
            url = window.text(at("hub-url")).strip().rstrip("/")
            self.assertTrue(url.startswith("http://127.0.0.1:"), url)
            window.until_text(at("hub-curl"), url)
            window.element(at("hub-nobody"))

            with urllib.request.urlopen(f"{url}/events?uid=alice", timeout=30) as stream:
                window.until_text(at("hub-subscriber"), "alice")
                heard = Lines(stream)
                window.enter(at("send-event"), "notify")
                window.type(at("send-text"), "Lunch is ready")
                window.until_text(at("send-reaches"), "1")
                window.click(at("send"))
                desk.until(lambda: heard.has("event: notify") and heard.has("Lunch is ready"), "what was sent to all")
                window.choose(at("send-to"), "user:alice")
                window.type(at("send-text"), "For you alone")
                window.click(at("send"))
                desk.until(lambda: heard.has("For you alone"), "what was sent to her")
                self.assertFalse(heard.ended)
                window.click(at("hub-disconnect"))
                desk.until(lambda: heard.ended, "the end of her stream")
            window.element(at("hub-nobody"))

            window.click(at("token-add"))
            window.type(at("token-name"), "Door script")
            window.click(at("token-create"))
            secret = window.text(at("token-secret")).strip() if window.element(at("token-secret")) else ""
            self.assertTrue(secret.startswith("fb_"), secret)
            self.assertEqual(self.publish(url, secret), 200)
            window.click(at("token-done"))
            window.until_gone(at("token-secret"))
            self.assertNotIn(secret, window.js("return document.body.innerHTML"), "the secret is shown once")
            window.until_text(at("token"), "Door script")
            self.menu(window, "token-more", "Revoke")
            window.click(at("token-revoke-now"))
            window.until_gone(at("token"))
            self.assertEqual(self.publish(url, secret), 401, "a revoked token is refused")

            window.click(at("hub-off"))
            window.element(at("hub-is-off"))
            with self.assertRaises(OSError):
                self.publish(url, secret)

    def publish(self, hub, token):
        request = urllib.request.Request(f"{hub}/publish", json.dumps({"event": "like", "data": "x"}).encode(), {
            "Content-Type": "application/json", "Authorization": f"Bearer {token}"})
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status
        except urllib.error.HTTPError as refused:
            return refused.code

    def test_settings_apply_at_once_and_back(self):
        desk = self.open()
        with Window(desk, self.bell_with(BURSTS)) as window:
            bell = self.bell
            bell.ready()
            theme = lambda: window.js("return document.documentElement.dataset.theme")
            self.go(window, "appearance")
            window.click(at("theme-dark"))
            desk.until(lambda: theme() == "dark", "the dark theme")
            window.click(at("undo"))
            desk.until(lambda: theme() == "system", "the theme before")
            window.choose(at("language-select"), "zh-CN")
            window.until_text(at("rail-all"), "全部")
            desk.until(lambda: any("退出" in label for label in desk.tray.labels()), "the tray in Chinese")
            window.click(at("undo"))
            window.until_text(at("rail-all"), "All")
            desk.until(lambda: any("Quit" in label for label in desk.tray.labels()), "the tray in English")

            self.go(window, "inbox")
            window.enter(at("keep-days"), "12" + TAB)
            self.until_settings("keep_days = 12")
            window.enter(at("keep-days"), "99999" + TAB)
            window.element(at("error-keep_days"))
            self.assertIn("keep_days = 12", self.settings())

    def test_hidden_content_is_nowhere_on_the_bus(self):
        desk = self.open()
        monitor = desk.start("monitor", ["dbus-monitor", "--address", desk.address])
        desk.until(monitor.log, "the monitor")
        with Window(desk, self.bell_with(BURSTS)) as window:
            bell = self.bell
            bell.ready()
            self.go(window, "notifications")
            window.click(at("hide-content"))
            self.until_settings("hide_content = true")
            for event, data in (("build", {"title": "SECRET title"}), ("like", like("SECRET actor", "SECRET post"))):
                self.feed.publish(data, event)
            window.click(at("rail-all"))
            window.until_count(ROW, 2)
            desk.until(lambda: len(desk.recorder.shown) == 2, "two pop-ups")
            for shown in desk.recorder.shown:
                self.assertEqual((shown["title"], shown["body"]), ("New message", "Likes"))
            desk.until(lambda: sum("New message · Likes" in label for label in desk.tray.labels()) == 2, "the tray's lines")
            # The window's own title bar is on nobody's bus, but its name may be.
            window.click_text(ROW, "SECRET title")
            window.until_text(TITLE, "SECRET title")
            desk.until(lambda: "New message · Likes" in monitor.log(), "the menu, as the monitor saw it")
            self.assertNotIn("SECRET", monitor.log())
            self.assertFalse(any("SECRET" in title for title in desk.windows()))

    def test_erasing_everything_leaves_the_first_day(self):
        desk = self.open()
        with Window(desk, self.bell_with(BURSTS)) as window:
            bell = self.bell
            bell.ready()
            window.click(at("rail-hub"))
            window.click(at("hub-start"))
            window.type(at("send-text"), "MARK of the hub")
            window.click(at("send"))
            self.feed.publish({"title": "MARK of a feed"}, "build")
            bell.until_unread(1)
            self.go(window, "feeds")
            window.click(at("settings-feed-likes"))
            window.choose(at("feed-access"), "bearer")
            window.type(at("secret-access.token"), "MARK-token" + TAB)
            desk.until(lambda: self.files_with("MARK-token"), "the secret in a file")
            self.assertTrue(self.files_with("MARK of the hub"), "the hub's log has it")

            self.go(window, "advanced")
            window.click(at("erase-everything"))
            window.click(at("erase-everything-yes"))
            window.element(at("empty-welcome"))
            self.assertEqual(self.files_with("MARK"), [])
            self.assertEqual(self.files_with(self.feed.url), [])
            status = bell.status()
            self.assertEqual((status["feeds"], status["unread"], status["hub"]["state"]["kind"]), ([], 0, "off"))
            left = sorted(os.path.relpath(path, desk.folder) for path in self.ours())
            self.assertEqual([path for path in left if not path.startswith(("data/feedbell/inbox.db", "state/"))
                              and not path.endswith(("/lock", "window.json"))], [], left)
            desk.until(lambda: desk.tray.labels()[0] == "Open Feedbell", "nothing unread, in the tray")
            self.assertFalse(any("MARK" in label for label in desk.tray.labels()))

    def ours(self):
        found = (glob.glob(self.desk.path(folder, "**/*"), recursive=True) for folder in ("config/feedbell", "data/feedbell",
                                                                                       "state/feedbell", "cache/feedbell"))
        return [path for paths in found for path in paths if os.path.isfile(path)]

    def files_with(self, word):
        """Our files that have this in them, anywhere."""
        found = []
        for path in self.ours():
            try:
                with open(path, "rb") as file:
                    if word.encode() in file.read():
                        found.append(path)
            except FileNotFoundError:
                pass  # gone meanwhile
        return found

    def test_what_messages_offer(self):
        desk = self.open()
        os.makedirs(desk.path("bin"))
        opener = desk.path("bin/xdg-open")
        with open(opener, "w") as file:
            # With how we draw, if it inherited that.
            file.write(f'#!/bin/sh\necho "$1$GDK_GL$WEBKIT_DISABLE_DMABUF_RENDERER" >> {desk.path("opened")}\n')
        os.chmod(opener, 0o755)
        desk.env["PATH"] = desk.path("bin") + ":" + desk.env["PATH"]
        door = f"http://{self.feed.host}/door"
        actions = [{"action": "view", "label": "See it", "url": "https://example.org/seen"},
                   {"action": "copy", "label": "Copy the code", "value": "493 817"},
                   {"action": "http", "label": "Open the door", "url": door},
                   {"action": "http", "label": "Ask the router", "url": "http://192.168.1.1/"},
                   {"action": "http", "label": "Tell them", "url": "https://example.org/tell"},
                   {"action": "view", "label": "Run it", "url": "file:///bin/sh"}]
        with Window(desk, self.bell_with(BURSTS)) as window:
            bell = self.bell
            bell.ready()
            self.feed.publish({"title": "Someone at the door", "actions": actions}, "build")
            window.click_text(ROW, "Someone")
            window.until_count(at("action"), 5)
            self.assertFalse([text for text in window.texts(at("action")) if "Run it" in text], "what is no web address is not offered")
            window.click_text(at("action"), "See it")
            desk.until(lambda: desk.run("cat", desk.path("opened")) == "https://example.org/seen\n", "the link, outside")
            window.click_text(at("action"), "Copy the code")
            window.until_text(at("toast"), "Copied")
            window.js("document.querySelector(arguments[0]).focus()", at("search"))
            window.keys("v", held=[CTRL])
            desk.until(lambda: window.value(at("search")) == "493 817", "what was copied, pasted")
            window.enter(at("search"), "")

            window.click_text(ROW, "Someone")
            window.until_count(at("action") + ":disabled", 3)
            self.assertTrue(all("Likes may not send requests" in why for why in window.texts(at("action-off"))))
            self.go(window, "feeds")
            window.click(at("settings-feed-likes"))
            window.click(at("http-actions"))
            self.until_settings("http_actions = true")
            window.click(at("rail-all"))
            window.click_text(ROW, "Someone")
            window.until_text(at("action-off"), "not a public address")
            window.until_count(at("action") + ":disabled", 2)
            window.click_text(at("action"), "Tell them")
            window.until_text(at("detail"), "example.org")
            window.click(at("action-cancel"))
            # A page that asks all the same is refused, and nothing is sent.
            number = int(window.js("return document.querySelector(arguments[0]).dataset.id", ROW))
            for place in (2, 3):
                refused = window.ask("act", {"id": number, "place": place})
                self.assertEqual(refused["refused"]["text"]["id"], "act-off-address")
            self.assertFalse([line for line in self.feed.asked if "door" in line])


class Lines:
    """What a stream says, until it ends."""

    def __init__(self, stream):
        self.lines, self.ended = [], False
        threading.Thread(target=self._read, args=[stream], daemon=True).start()

    def _read(self, stream):
        try:
            for line in stream:
                self.lines.append(line.decode())
        except (OSError, ValueError):
            pass  # broken off, or closed here
        self.ended = True

    def has(self, words):
        return any(words in line for line in self.lines)


if __name__ == "__main__":
    run()
