#!/usr/bin/python3
"""Pictures of the window, the tray menu and a pop-up, in both languages and themes.

    shots.py [FOLDER] [-k WORD]        (default: target/shots)

Fails on a picture with nothing on it, on a text that should be there and is not, on a text id
shown in place of its text, on the wrong theme, and on anything wider than its place.
"""
import argparse
import glob
import os
import re
import sys
import time

from bell import DESKTOP, ROOT, Bell
from desk import Desk
from feed import Feed
from webdriver import Window

LOCALES = ("en", "zh-CN")
THEMES = {"light": {}, "dark": {"GTK_THEME": "Adwaita:dark"}}
MENU, ICON = "420x280+0+0", "30x30+12+0"  # of the screen, where Xfce's panel puts them
WIDE, NARROW = (1180, 740), (420, 740)

RULE = """
[[feed.rule]]
name = "likes"
events = ["like", "favorite", "comment", "build"]
title = "{{ data.title }}"
body = "{{ data.text }}"
link = "{{ data.link }}"
urgency = "{{ data.urgency or 'normal' }}"
"""

MESSAGES = {
    "en": [
        ("build", "Nightly build failed on main", "3 of 412 tests failed, all of them in the export module.", "high"),
        ("comment", "Grace commented on “Hello, Feedbell”", "Does it also work behind a proxy? Ours buffers everything.", ""),
        ("favorite", "Linus added “Hello, Feedbell” to his favorites", "It is now in 12 collections.", ""),
        ("like", "Ada liked “Notes on the analytical engine”", "The seventh like today.", "low"),
        ("comment", "Edsger commented on “Simplicity”", "It is a great virtue, but it requires hard work to achieve it and education to appreciate it.", ""),
        ("like", "Ada liked “Hello, Feedbell”", "Nice to see a bell that rings when something really happens, and is quiet when nothing does. "
         "I read it twice and sent it on to the others.", ""),
    ],
    "zh-CN": [
        ("build", "主分支的夜间构建失败", "412 项测试中有 3 项未通过，都在导出模块。", "high"),
        ("comment", "小红评论了《你好，Feedbell》", "放在代理后面也能用吗？我们的代理会缓冲所有内容。", ""),
        ("favorite", "小明收藏了《你好，Feedbell》", "已被 12 个收藏夹收录。", ""),
        ("like", "阿达赞了《分析机札记》", "今天的第七个赞。", "low"),
        ("comment", "老王评论了《论简单》", "简单是一种美德，但达到它需要付出努力，欣赏它需要学习。", ""),
        ("like", "阿达赞了《你好，Feedbell》", "终于有一个该响的时候才响的铃铛，没有事情的时候它很安静。我读了两遍，还转给了其他人。", ""),
    ],
}

# What several people did to the same thing: one row.
BURST = {
    "en": ("Shipping day notes", ["Grace", "Linus", "Ada"]),
    "zh-CN": ("发布日手记", ["小红", "小明", "阿达"]),
}

# Texts that must be seen, as they are or as "@id" of the language's files.
EXPECTED = {
    "inbox": ["@ui-rail-all", "@ui-detail-why", "@ui-action-pin", "Likes"],
    "hub": ["@ui-hub-sub", "@ui-hub-anywhere", "@ui-hub-now", "@ui-tokens", "curl", "EventSource"],
    "hub-first": ["@ui-token-first", "@ui-token-create", "@ui-token-stay-local", "curl"],
    "hub-token": ["@ui-token-made-about", "@ui-hub-where-lan", "fb_", "$TOKEN"],
    "settings": ["@ui-settings-appearance", "@ui-settings-hub", "@ui-feed-add", "Likes"],
    "editor": ["@ui-feed-url", "@ui-feed-preset", "@ui-rules", "@ui-advanced", "@ui-test"],
    "advanced": ["@ui-resume", "@ui-delivery", "@ui-proxy", "@ui-certificate"],
    "doctor": ["@ui-step-connect", "@ui-test-retry", "@ui-test-unreached", "@ui-test-copy"],
    "test": ["@ui-test-events", "@ui-fields", "@ui-role-title", "@ui-preview"],
    "empty": ["@ui-welcome-title", "@ui-welcome-send-like", "@ui-feed-add", "feedbell send"],
}


class Wrong(AssertionError):
    pass


def texts(locale):
    """The plain one-line texts of a language, by id."""
    found = {}
    for path in glob.glob(os.path.join(ROOT, "locales", locale, "*.ftl")):
        with open(path, encoding="utf-8") as file:
            found.update(re.findall(r"^([a-z][\w-]*) = ([^{}\n]+)$", file.read(), re.M))
    return found


class Studio:
    def __init__(self, folder):
        self.folder, self.made, self.wrong = folder, [], []
        os.makedirs(folder, exist_ok=True)

    def keep(self, desk, name, window="root", crop=None, within=10, colours=40):
        path = os.path.join(self.folder, name + ".png")
        deadline, measure = time.monotonic() + within, None
        while time.monotonic() < deadline:  # a frame may lag behind the document
            desk.shot(path, window, crop)
            spread, seen = desk.run("identify", "-format", "%[fx:standard_deviation] %k", path).split()
            measure = (float(spread), int(seen))
            if measure[0] > 0.02 and measure[1] > colours:
                self.made.append(name)
                print(f"{name}: spread {measure[0]:.3f}, {measure[1]} colours", flush=True)
                return path
            time.sleep(0.2)
        raise Wrong(f"{name} is blank: spread and colours {measure}")

    def attempt(self, name, work):
        try:
            work()
        except Exception as error:  # the other pictures are still worth taking
            self.wrong.append(name)
            print(f"{name}: FAILED {type(error).__name__}: {error}", flush=True)


def check(window, locale, theme, expected):
    dark = window.js("return [matchMedia('(prefers-color-scheme: dark)').matches]")[0]
    if dark != (theme == "dark"):
        raise Wrong(f"the window is {'dark' if dark else 'light'}, not {theme}")
    known = texts(locale)
    shown = window.js("return document.body.innerText")
    for wanted in expected:
        text = known.get(wanted[1:]) if wanted.startswith("@") else wanted
        if text is None:
            raise Wrong(f"no text {wanted} in {locale}")
        if text.strip() not in shown:
            raise Wrong(f"{text!r} is not in the window, which says {shown[:300]!r}")
    raw = [line for line in shown.splitlines() if line.strip() in known and "-" in line]
    if raw:
        raise Wrong(f"ids in place of texts: {raw}")
    wide = window.overflow()
    if wide:
        raise Wrong(f"wider than its place: {wide}")


def settle(desk, window):
    """Until two frames have been drawn, and the pointer is out of the way."""
    desk.run("xdotool", "mousemove", "1279", "799")
    window.js("document.activeElement?.blur()")
    desk.until(lambda: window.js("""
        window.__frames ??= (window.__count = 0, requestAnimationFrame(function f() {
            if (++window.__count < 3) requestAnimationFrame(f); }), true);
        return [window.__count >= 3]""")[0], "two frames")
    window.js("delete window.__frames")
    time.sleep(0.4)  # colour transitions, 120 to 200 ms


def of_the_window(studio, locale, theme):
    def picture(view, expected):
        def take():
            settle(desk, window)
            check(window, locale, theme, expected)
            studio.keep(desk, f"{view}-{locale}-{theme}", "Feedbell")
        studio.attempt(f"{view}-{locale}-{theme}", take)

    def at(testid):
        return f"[data-testid={testid}]"

    with Feed() as feed, Desk(env=THEMES[theme]) as desk:
        bell = Bell(desk, feed.url, language=locale, rule=RULE, hub=True)
        with Window(desk, [DESKTOP]) as window:
            bell.ready()
            messages = MESSAGES[locale]
            what, people = BURST[locale]
            for nr, (event, title, text, urgency) in enumerate(messages):
                if nr == len(messages) - 2:
                    for actor in people:
                        feed.publish({"actor": {"name": actor}, "target": {"id": "notes", "title": what}}, "like")
                link = f"https://example.org/{nr}"
                feed.publish({"title": title, "text": text, "urgency": urgency, "link": link}, event)
            last = messages[-1]
            bell.until_unread(len(messages) + len(people))
            window.resize(*WIDE)
            window.until_text(at("message-row"), last[1])
            window.click(at("message-row"))
            window.until_text(at("detail-title"), last[1])
            picture("inbox", [last[1], last[2], messages[0][1], what, *people[-2:], *EXPECTED["inbox"]])

            for view, button, sign in (("hub", "rail-hub", "hub-curl"), ("editor", "rail-add", "feed-url"),
                                       ("settings", "rail-settings", "settings-add-feed")):
                window.click(at(button))
                window.element(at(sign))
                picture(view, EXPECTED[view])
            window.click(at("rail-hub"))
            window.click(at("hub-lan"))
            window.element(at("token-form"))
            picture("hub-first", EXPECTED["hub-first"])
            window.click(at("token-create"))
            window.element(at("token-secret"))
            desk.until(lambda: bell.status()["hub"]["state"].get("lan"), "others reach the hub")
            window.element(at("tokens"))
            picture("hub-token", EXPECTED["hub-token"])
            window.click(at("token-done"))
            window.resize(*NARROW)
            picture("hub-narrow", EXPECTED["hub"][1:])
            window.resize(*WIDE)
            window.click(at("hub-local"))
            desk.until(lambda: not bell.status()["hub"]["state"].get("lan", True), "this computer alone")

            window.click(at("rail-add"))
            window.type(at("feed-url"), feed.url.replace("/events", "/nowhere"))
            window.click(at("feed-test"))
            window.element(at("test-step") + "[data-outcome=failed]")
            picture("doctor", EXPECTED["doctor"])
            window.resize(*NARROW)
            picture("doctor-narrow", EXPECTED["doctor"])
            window.resize(*WIDE)
            window.click(at("advanced") + " summary")
            window.js("document.querySelector('[data-testid=connection-key]').scrollIntoView()")
            picture("advanced", EXPECTED["advanced"])
            window.click(at("rail-all"))
            window.click(at("rail-add"))
            window.click(at("draft-over"))
            window.type(at("feed-url"), feed.url)
            window.click(at("feed-test"))
            feed.publish_until(lambda: window.count(at("test-event")), {"title": last[1], "text": last[2]})
            picture("test", [last[1], *EXPECTED["test"]])
            window.click(at("rail-all"))
            window.until_text(at("message-list"), last[1])
            window.resize(*NARROW)
            picture("narrow", [last[1], messages[0][1]])


def of_the_empty_window(studio, locale, theme):
    def take():
        with Desk(env=THEMES[theme]) as desk:
            Bell(desk, language=locale, hub=True)
            with Window(desk, [DESKTOP]) as window:
                window.resize(*WIDE)
                window.element("[data-testid=empty-welcome]")
                settle(desk, window)
                check(window, locale, theme, EXPECTED["empty"])
                studio.keep(desk, f"empty-{locale}-{theme}", "Feedbell")
    studio.attempt(f"empty-{locale}-{theme}", take)


FAILING = """
[[feed]]
id = "gone"
name = "Build farm"
url = "%s/nowhere"

[[feed]]
id = "off"
name = "Front door"
url = "http://127.0.0.1:1/events"

[[feed]]
id = "wrong"
name = "Journal"
url = "http://127.0.0.1:1/events"
muted = "sometimes"
"""


def of_the_failing_window(studio, locale, theme):
    def take():
        with Feed() as feed, Desk(env=THEMES[theme]) as desk:
            server = feed.url.removesuffix("/events")
            bell = Bell(desk, feed.url, language=locale, rule=RULE, hub=True, more=FAILING % server)
            with Window(desk, [DESKTOP]) as window:
                bell.ready()
                desk.until(lambda: bell.feed("gone")["state"]["kind"] == "stopped", "a feed that gave up")
                desk.until(lambda: bell.feed("off")["state"]["kind"] == "waiting", "a feed that waits")
                title = MESSAGES[locale][-1][1]
                feed.publish({"title": title})
                window.resize(*WIDE)
                window.until_text("[data-testid=message-row]", title)
                window.element("[data-testid=strip]")
                settle(desk, window)
                check(window, locale, theme, ["Build farm", "Front door", "Journal", title])
                studio.keep(desk, f"failing-{locale}-{theme}", "Feedbell")
    studio.attempt(f"failing-{locale}-{theme}", take)


def of_the_desktop(studio, locale):
    """Drawn by others from what we send: dunst's pop-up, Xfce's panel with our menu."""
    def take():
        with Feed() as feed, Desk(notifications="dunst", tray="xfce") as desk:
            bell = Bell(desk, feed.url, language=locale, rule=RULE, hub=True)
            bell.start("--hidden")
            for event, title, text, urgency in MESSAGES[locale][-2:]:
                feed.publish({"title": title, "text": text, "urgency": urgency, "link": ""}, event)
            desk.until(lambda: "2" in desk.run("dunstctl", "count", "displayed"), "two pop-ups")
            studio.keep(desk, f"pop-up-{locale}", crop="440x240+840+0")
            desk.run("dunstctl", "close-all")

            before = desk.shot(desk.path("before.png"), crop=MENU)
            desk.run("xdotool", "mousemove", "16", "16", "click", "1")

            def opened():
                desk.shot(desk.path("now.png"), crop=MENU)
                return changed(desk, before, desk.path("now.png")) > 10000
            desk.until(opened, "the menu, on the screen")
            # Once more: the panel lays a menu out as it opens, and what came since would be cut.
            desk.run("xdotool", "key", "Escape")
            desk.until(lambda: not opened(), "the menu, gone")
            desk.run("xdotool", "mousemove", "16", "16", "click", "1")
            desk.until(opened, "the menu, on the screen")
            time.sleep(0.3)
            studio.keep(desk, f"tray-{locale}", crop=MENU)
            desk.run("xdotool", "key", "Escape")

            # Nobody shows notifications any more: the icon asks for a person.
            next(process for process in desk.processes if process.name == "dunst").kill()
            feed.publish({"title": MESSAGES[locale][0][1], "urgency": "normal"}, "build")
            desk.until(lambda: bell.status()["troubles"], "a trouble")
            desk.run("xdotool", "mousemove", "640", "600")

            def asks():
                desk.shot(desk.path("now.png"), crop=ICON)
                return red(desk, desk.path("now.png"))
            desk.until(asks, "red in the icon, on the panel")
            studio.keep(desk, f"tray-attention-{locale}", crop="120x30+0+0", colours=20)
    studio.attempt(f"tray-{locale}", take)


def red(desk, picture):
    """Whether something in it is red: more than it is green or blue, by far."""
    return float(desk.run("convert", picture, "-fx", "(r-max(g,b))>0.3", "-format", "%[fx:mean*w*h]", "info:")) > 4


def changed(desk, before, after):
    """Pixels that differ."""
    return float(desk.run("convert", before, after, "-compose", "difference", "-composite",
                          "-threshold", "5%", "-format", "%[fx:mean*w*h]", "info:"))


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("folder", nargs="?", default=os.path.join(ROOT, "target/shots"))
    arguments.add_argument("-k", dest="word", default="", help="only those whose name contains this")
    asked = arguments.parse_args()
    if not os.access(DESKTOP, os.X_OK):
        print(f"{DESKTOP} is missing: build it first (make build)")
        return 1
    studio = Studio(asked.folder)
    for locale in LOCALES:
        for theme in THEMES:
            for series in (of_the_window, of_the_empty_window, of_the_failing_window):
                name = f"{series.__name__}-{locale}-{theme}"
                if asked.word in name:
                    studio.attempt(name, lambda: series(studio, locale, theme))
        if asked.word in f"of_the_desktop-{locale}":
            studio.attempt(f"of_the_desktop-{locale}", lambda: of_the_desktop(studio, locale))
    print(f"{len(studio.made)} passed, {len(studio.wrong)} failed")
    return 1 if studio.wrong or not studio.made else 0


if __name__ == "__main__":
    sys.exit(main())
