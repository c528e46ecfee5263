#!/usr/bin/python3
"""The shell around the window: tray, window life, autostart, shortcut, sessions without a tray.

Each scenario has a session of its own.

    shell.py [-k WORD]...
"""
import json
import os

from bell import COMMAND, DESKTOP, TITLE, Bell, like
from bus import Tray
from scenario import Scenario, run
from webdriver import Window

STATE = "data/feedbell/window.json"
NOT_KEPT = "\n[window]\nkeep_minutes = 0\n"
ENTRY = "config/autostart/feedbell.desktop"


class Shell(Scenario):
    def hidden(self, **more):
        desk = self.open()
        bell = Bell(desk, self.feed.url, **more)
        bell.start("--hidden")
        desk.until(lambda: desk.tray.items, "the tray icon")
        return desk, bell

    def second_start(self, desk, *arguments):
        second = desk.start("second", [DESKTOP, *arguments])
        desk.until(lambda: second.popen.poll() is not None, "the second start's end")
        self.assertEqual(second.popen.returncode, 0)

    def geometry(self, desk):
        """x, y, width and height of the window, with its frame's corner as the window manager knows it."""
        listed = [line.split(None, 7) for line in desk.run("wmctrl", "-lG").splitlines()]
        return next(tuple(map(int, line[2:6])) for line in listed if line[7] == TITLE)

    def web_processes(self, bell):
        """How many web pages the app has running."""
        return sum("WebKitWebProc" in name for name in family(bell.app.pid))

    def settings(self, desk, **sections):
        """Changes the settings file as a person with an editor does: these sections, and no others of ours."""
        path, mark = desk.path("config/feedbell/settings.toml"), "\n# Changed later\n"
        with open(path) as file:
            text = file.read().split(mark)[0] + mark
        for section, values in sections.items():
            text += f"[{section}]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in values.items())
        with open(path + ".new", "w") as file:
            file.write(text)
        os.replace(path + ".new", path)

    def test_a_hidden_start_shows_no_window_and_a_second_start_brings_it_up(self):
        desk, bell = self.hidden()
        self.second_start(desk, "--hidden")
        self.assertFalse(bell.window_shown(), "hidden is hidden")
        self.assertEqual(self.web_processes(bell), 0, "no page was made, not even an invisible one")
        self.assertEqual(tree(desk), [], "no window of ours was mapped")
        self.second_start(desk)
        desk.until(bell.window_shown, "the window")
        self.assertEqual(len(bell.desk.tray.items), 1, "one icon, one app")

    def test_the_menu_does_what_it_says(self):
        desk, bell = self.hidden()
        tray = desk.tray
        desk.until(lambda: "Likes: live" in tray.labels(), "the feed's state in the menu")
        self.assertEqual(tray.labels(), [
            "Open Feedbell", "-", "Feeds (1 live)", "Likes: live", "Reconnect now", "Mute", "Pause notifications",
            "For 1 hour", "Until tomorrow, 08:00", "Until I resume", "Hub", "-", "Settings", "Quit Feedbell"])

        pause = lambda: bell.status()["pause"]
        for choice, minutes in (("1 hour", (59, 61)), ("tomorrow", (1, 2 * 24 * 60))):
            tray.click(choice)
            desk.until(lambda: pause() and pause()["until"], "a pause with an end")
            now = desk.run("date", "+%s%3N")
            left = (pause()["until"] - int(now)) / 60_000
            self.assertTrue(minutes[0] <= left <= minutes[1], left)
            desk.until(lambda: any(label.startswith("Paused until ") for label in tray.labels()), "its end in the menu")
            tray.click("Resume")
            desk.until(lambda: pause() is None, "no pause")
            desk.until(lambda: "Resume notifications" not in tray.labels(), "nothing to resume")
        tray.click("Until I resume")
        desk.until(lambda: "Notifications are paused" in tray.labels(), "the pause in the menu")
        tray.click("Resume")

        connections = len(self.feed.resumed_from)
        tray.click("Reconnect")
        desk.until(lambda: len(self.feed.resumed_from) > connections, "a new connection")

        hub = lambda: next(item for item in tray.menu() if item["label"].startswith("Hub"))
        tray.click("Hub")
        desk.until(lambda: hub()["checked"] and "0 listening" in hub()["label"], "the hub on")
        tray.click("Hub")
        desk.until(lambda: not hub()["checked"] and hub()["label"] == "Hub", "the hub off")

        tray.click("Settings")
        desk.until(bell.window_shown, "the window")
        tray.click("Quit")
        desk.until(lambda: not bell.app.running(), "the end")
        self.assertEqual(bell.app.popen.returncode, 0)

    def test_the_icon_tells_unread_and_trouble_and_counts_if_asked(self):
        desk, bell = self.hidden()
        picture = lambda: desk.tray.icon()[1]
        seen = [picture()]

        def changes(what):
            desk.until(lambda: picture() not in seen, what)
            seen.append(picture())

        self.feed.publish(like("Ada"))
        changes("unread")
        self.settings(desk, appearance={"tray_count": True})
        changes("a number")
        self.feed.publish(like("Grace"))
        changes("another number")
        self.settings(desk)
        desk.until(lambda: picture() == seen[1], "no number again")
        desk.recorder.stop()
        desk.recorder.behaviour = "refuse"
        self.feed.publish(like("Linus"))
        changes("trouble: nobody shows notifications")

    def test_a_storm_draws_the_tray_a_few_times(self):
        desk, bell = self.hidden()
        changed = []
        desk.loop.do(lambda: desk.tray.bus.signal_subscribe(
            None, "com.canonical.dbusmenu", None, None, None, 0, lambda *signal: changed.append(signal[4])))
        desk.run(COMMAND, "pause")
        desk.until(lambda: any("paused" in label.lower() for label in desk.tray.labels()), "the pause")
        changed.clear()
        for number in range(2000):
            self.feed.publish({"n": number, "actor": {"name": str(number)}, "post": {"title": "x"}})
        bell.until_unread(2000)
        desk.until(lambda: bell.tray_count() == 2000, "the last number")
        self.assertGreater(len(changed), 0)
        self.assertLess(len(changed), 400, "signals to the panel")

    def test_a_closed_window_is_kept_for_a_while_and_comes_back_where_it_was(self):
        desk, bell = self.hidden()
        desk.tray.click("Open")
        desk.until(bell.window_shown, "the window")
        desk.run("wmctrl", "-r", TITLE, "-e", "0,150,90,800,560")
        desk.until(lambda: self.geometry(desk)[2:] == (800, 560), "its new size")
        before = self.geometry(desk)
        desk.close_window(TITLE)
        desk.until(lambda: not bell.window_shown(), "no window")
        self.assertEqual(self.web_processes(bell), 1, "kept ready")
        desk.tray.click("Open")
        desk.until(bell.window_shown, "the window again")
        desk.until(lambda: near(self.geometry(desk), before), f"where it was: {before}")

    def test_a_window_that_is_not_kept_is_gone_and_made_anew_as_it_was(self):
        desk, bell = self.hidden(more=NOT_KEPT)
        desk.tray.click("Open")
        desk.until(bell.window_shown, "the window")
        desk.run("wmctrl", "-r", TITLE, "-e", "0,120,70,760,520")
        desk.until(lambda: self.geometry(desk)[2:] == (760, 520), "its new size")
        before = self.geometry(desk)
        desk.close_window(TITLE)
        desk.until(lambda: self.web_processes(bell) == 0, "no page")
        self.assertEqual(os.stat(desk.path(STATE)).st_mode & 0o777, 0o600)
        desk.tray.click("Open")
        desk.until(bell.window_shown, "the window again")
        desk.until(lambda: near(self.geometry(desk), before), f"where it was: {before}")

        desk.tray.click("Quit")
        desk.until(lambda: not bell.app.running(), "the end")
        with open(desk.path(STATE)) as file:
            state = json.load(file)
        state["frame"].update(x=9000, y=-4000)
        with open(desk.path(STATE), "w") as file:
            json.dump(state, file)
        bell.start()
        desk.until(bell.window_shown, "the window, after a start")
        x, y, width, height = self.geometry(desk)
        self.assertEqual((width, height), (760, 520))
        self.assertTrue(0 <= x < 1280 and 0 <= y < 800, "on the screen")

    def test_a_place_is_kept_for_the_next_window(self):
        desk = self.open()
        bell = Bell(desk, self.feed.url)
        with Window(desk, [DESKTOP]) as window:
            bell.ready()
            window.ask("keep_place", {"place": "a place"})
            view = window.ask("desktop")
            self.assertEqual((view["tray"], view["autostart"], view["shortcut_trouble"], view["newcomer"]),
                             (True, False, None, True))
            window.ask("introduced")
            window.ask("set_autostart", {"on": True})
            with open(desk.path(ENTRY)) as file:
                self.assertIn(f'Exec="{DESKTOP}" --hidden', file.read())
            refused = window.ask("open_folder", {"path": "/etc"})
            self.assertEqual(refused["refused"]["text"]["id"], "desktop-folder-refused")
        with Window(desk, [DESKTOP]) as window:
            bell.ready()
            kept = window.ask("last_place")
            self.assertEqual(kept, "a place")
            view = window.ask("desktop")
            self.assertEqual((view["autostart"], view["newcomer"]), (True, False))
            window.ask("set_autostart", {"on": False})
            self.assertFalse(os.path.exists(desk.path(ENTRY)))

    def test_without_a_tray_a_closed_window_is_minimised_until_there_is_one(self):
        desk = self.open(tray=None)
        bell = Bell(desk, self.feed.url)
        bell.start()
        desk.until(bell.window_shown, "the window")
        self.close_when_ready(desk)
        desk.until(lambda: "Iconic" in desk.run("xprop", "-name", TITLE, "WM_STATE"), "a minimised window")
        self.assertTrue(bell.window_shown(), "in the list of windows")
        self.second_start(desk)
        desk.until(lambda: "Normal" in desk.run("xprop", "-name", TITLE, "WM_STATE"), "the window")

        desk.tray = desk._service(Tray)
        desk.loop.do(lambda: desk.tray.signal("StatusNotifierHostRegistered"))
        desk.until(lambda: desk.tray.items, "the icon in the new tray")
        desk.close_window(TITLE)
        desk.until(lambda: not bell.window_shown(), "a hidden window")

    def close_when_ready(self, desk):
        desk.until(lambda: "Normal" in desk.run("xprop", "-name", TITLE, "WM_STATE"), "a window on the screen")
        desk.close_window(TITLE)

    def test_keys_bring_up_the_window_and_follow_the_settings(self):
        desk, bell = self.hidden()
        self.settings(desk, window={"shortcut": "Ctrl+Alt+B", "keep_minutes": 0})
        desk.until(lambda: desk.run("xdotool", "key", "ctrl+alt+b") == "" and bell.window_shown(), "the window, by keys")
        desk.close_window(TITLE)
        desk.until(lambda: not bell.window_shown(), "no window")
        self.settings(desk, window={"shortcut": "Ctrl+Alt+N", "keep_minutes": 0})
        desk.until(lambda: desk.run("xdotool", "key", "ctrl+alt+n") == "" and bell.window_shown(), "by the new keys")

    def test_a_click_on_a_message_in_the_menu_shows_it(self):
        desk = self.open()
        bell = Bell(desk, self.feed.url)
        with Window(desk, [DESKTOP]) as window:
            bell.ready()
            desk.until(lambda: desk.tray.items, "the tray icon")
            for name in ("Ada", "Grace"):
                self.feed.publish(like(name, f"Post of {name}"))  # on one post they would be one burst
            bell.until_unread(2)
            labels = desk.until(lambda: [label for label in desk.tray.labels() if "●" in label], "messages in the menu")
            self.assertRegex(labels[0], r"^● Grace liked “Post of Grace” · \d\d:\d\d$")
            self.assertRegex(labels[1], r"^● Ada liked “Post of Ada” · \d\d:\d\d$")
            desk.tray.click("Ada")
            window.until_text("[data-testid=detail-title]", "Ada liked “Post of Ada”")
            desk.until(lambda: any(label.startswith("\u2003Ada") for label in desk.tray.labels()), "read, in the menu")


def near(one, other):
    """The same, but for what a window manager makes of a frame."""
    return one[2:] == other[2:] and all(abs(a - b) <= 2 for a, b in zip(one[:2], other[:2]))


def family(pid):
    """The names of a process's descendants."""
    parents = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat") as file:
                    name, rest = file.read().split("(", 1)[1].rsplit(")", 1)
            except OSError:
                continue
            parents.setdefault(int(rest.split()[1]), []).append((int(entry), name))
    names, todo = [], [pid]
    while todo:
        for child, name in parents.get(todo.pop(), []):
            names.append(name)
            todo.append(child)
    return names


def tree(desk):
    """Windows of ours that are on the screen, managed or not."""
    found = desk.run("xwininfo", "-root", "-tree").splitlines()
    ours = [line.split()[0] for line in found if "feedbell-desktop" in line.lower()]
    return [window for window in ours if "IsViewable" in desk.run("xwininfo", "-id", window)]


if __name__ == "__main__":
    run()
