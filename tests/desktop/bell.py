"""Feedbell as the scenarios see it: settings in, status out.

The binaries come from the environment: `FEEDBELL_DESKTOP`, `FEEDBELL`; by default the debug build's.
"""
import contextlib
import json
import os
import re
import sqlite3

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DESKTOP = os.path.abspath(os.environ.get("FEEDBELL_DESKTOP", os.path.join(ROOT, "target/debug/feedbell-desktop")))
COMMAND = os.path.abspath(os.environ.get("FEEDBELL", os.path.join(ROOT, "target/debug/feedbell")))
TITLE = "Feedbell"
INBOX = "data/feedbell/inbox.db"

LIKE = {"actor": {"name": "Ada"}, "post": {"title": "Hello & <welcome>"}, "text": "Nice\nto read <b>this</b>"}
LIKE_TITLE = "Ada liked “Hello & <welcome>”"
LIKE_BODY = "Nice\nto read <b>this</b>"
RULE = """
[[feed.rule]]
name = "likes"
events = ["like"]
title = "{{ data.actor.name }} liked “{{ data.post.title }}”"
body = "{{ data.text }}"
urgency = "high"
"""


def like(name, title="Hello"):
    return {"actor": {"name": name}, "post": {"title": title}, "text": f"{name} was here"}


class Bell:
    """Feedbell in one desk, subscribed to one feed."""

    def __init__(self, desk, feed_url=None, language="en", rule=RULE, hub=False, listen="127.0.0.1:0", preset="likes",
                 more=""):
        self.desk = desk
        settings = f'version = 1\nlanguage = "{language}"\n\n[hub]\non = {str(hub).lower()}\nlisten = "{listen}"\n'
        if feed_url:
            settings += f'\n[[feed]]\nid = "likes"\nname = "Likes"\nurl = "{feed_url}"\npreset = "{preset}"\n{rule}'
        settings += more
        os.makedirs(desk.path("config/feedbell"), exist_ok=True)
        with open(desk.path("config/feedbell/settings.toml"), "w") as file:
            file.write(settings)
        self.app = None

    def start(self, *arguments, ready=True):
        self.app = self.desk.start("app", [DESKTOP, *arguments])
        if ready:
            self.ready()
        return self.app

    def ready(self, feed="likes"):
        """Waits until the feed is live: what is published from now on arrives as it happens."""
        self.desk.until(lambda: self.feed(feed)["state"]["kind"] == "live", "a live feed", within=40)

    def status(self):
        return json.loads(self.desk.run(COMMAND, "status", "--json"))

    def feed(self, feed):
        return next(found for found in self.status()["feeds"] if found["id"] == feed)

    def unread(self):
        return self.status()["unread"]

    def until_unread(self, wanted, within=20):
        self.desk.until(lambda: self.unread() == wanted, f"{wanted} unread", within)

    def until_nothing_owed(self):
        """Until the inbox knows of every pop-up that it was shown. A kill before that announces it once more:
        nobody can tell whether a person has seen it."""
        def owed():
            with contextlib.closing(sqlite3.connect(f"file:{self.desk.path(INBOX)}?mode=ro", uri=True)) as inbox:
                return inbox.execute("SELECT count(*) FROM facts WHERE announced = 0").fetchone()[0]
        self.desk.until(lambda: owed() == 0, "no notification owed")

    def window_shown(self):
        return any(TITLE in title for title in self.desk.windows())

    def tray_count(self):
        """The number of unread messages as the tray's menu says it; 0 where it says none."""
        number = re.search(r"\d+", self.desk.tray.labels()[0])
        return int(number.group()) if number else 0
