#!/usr/bin/python3
"""The package, as a person meets it: installed with apt, started from its desktop entry, it rings; removed
for good, the person's data is still there.

    package.py

Packs the debug build, or takes the package that `FEEDBELL_DEB` names. Installs system-wide (as root, or with sudo)
and removes what it installed.
"""
import glob
import os
import re
import shlex
import subprocess
import unittest

from bell import LIKE, LIKE_TITLE, ROOT, Bell
from desk import Desk
from feed import Feed

SUDO = [] if os.geteuid() == 0 else ["sudo"]
ENTRY = "/usr/share/applications/Feedbell.desktop"


def run(*command, **more):
    done = subprocess.run(command, capture_output=True, text=True, **more)
    assert done.returncode == 0, f"{shlex.join(command)} ended with {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


def exec_of(entry):
    """The command of a desktop entry, without its field codes."""
    with open(entry, encoding="utf-8") as lines:
        line = next(line for line in lines if line.startswith("Exec="))
    return [word for word in shlex.split(line.removeprefix("Exec=").strip()) if not re.fullmatch("%[a-zA-Z]", word)]


class Package(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.deb = os.environ.get("FEEDBELL_DEB") or run(
            os.path.join(ROOT, "scripts/package"), "debug", cwd=ROOT).splitlines()[-1]
        cls.addClassCleanup(subprocess.run, [*SUDO, "apt-get", "purge", "--yes", "feedbell"], capture_output=True)
        run(*SUDO, "apt-get", "install", "--yes", "--no-install-recommends", "--reinstall", cls.deb,
            env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"})

    def test_it_starts_from_its_desktop_entry_rings_and_leaves_the_data_when_purged(self):
        with Feed() as feed, Desk() as desk:
            bell = Bell(desk, feed.url)
            bell.app = desk.start("app", [*exec_of(ENTRY), "--hidden"])
            bell.ready()
            feed.publish(LIKE)
            desk.until(lambda: any(shown["title"] == LIKE_TITLE for shown in desk.recorder.shown), "the notification")
            pop_up = next(shown for shown in desk.recorder.shown if shown["title"] == LIKE_TITLE)
            self.assertEqual(f"/usr/share/applications/{pop_up['hints']['desktop-entry']}.desktop", ENTRY)
            self.assert_icon(pop_up["icon"])
            self.assertEqual(desk.run("/usr/bin/feedbell", "status", "--json").count('"likes"'), 1)
            bell.until_unread(1)
            bell.until_nothing_owed()
            bell.app.stop()
            run(*SUDO, "apt-get", "purge", "--yes", "feedbell")
            for gone in ("/usr/bin/feedbell", "/usr/bin/feedbell-desktop", ENTRY):
                self.assertFalse(os.path.exists(gone), gone)
            for kept in ("config/feedbell/settings.toml", "data/feedbell/inbox.db"):
                self.assertTrue(os.path.getsize(desk.path(kept)), kept)
            run(*SUDO, "apt-get", "install", "--yes", "--no-install-recommends", self.deb)
            again = desk.start("app", [*exec_of(ENTRY), "--hidden"])
            bell.ready()
            self.assertEqual(bell.unread(), 1, "the inbox is as it was")
            again.stop()

    def test_desktops_and_software_centres_understand_it(self):
        run("desktop-file-validate", ENTRY)
        run("appstreamcli", "validate", "--no-net", "/usr/share/metainfo/io.feedbell.desktop.metainfo.xml")
        with open(ENTRY, encoding="utf-8") as entry:
            icon = re.search("^Icon=(.*)$", entry.read(), re.MULTILINE)[1]
        self.assert_icon(icon)

    def assert_icon(self, name):
        self.assertTrue(glob.glob(f"/usr/share/icons/hicolor/*/apps/{name}.png"), name)

    def test_its_libraries_are_among_its_dependencies(self):
        """Every library that either program names comes with a package that the package asks for."""
        wanted = re.split(r", | \| ", run("dpkg-deb", "--field", self.deb, "Depends"))
        asked, tree = set(), [re.sub(r" \(.*", "", name) for name in wanted]
        for line in run("apt-cache", "depends", "--recurse", "--no-recommends", "--no-suggests", "--no-conflicts",
                        "--no-breaks", "--no-replaces", "--no-enhances", "--important", *tree).splitlines():
            asked.add(line.strip().removeprefix("Depends: ").split(":")[0].strip("<>"))
        for program in ("feedbell", "feedbell-desktop"):
            for library in re.findall(r"=> (/\S+)", run("ldd", f"/usr/bin/{program}")):
                real = os.path.realpath(library)
                owner = subprocess.run(["dpkg", "-S", real, real.removeprefix("/usr"), library],
                                       capture_output=True, text=True).stdout.split(":")[0]
                self.assertIn(owner, asked, f"{program} needs {library}")

    def test_manual_and_completions_are_where_shells_look(self):
        run("gzip", "--test", "/usr/share/man/man1/feedbell.1.gz", "/usr/share/man/man1/feedbell-serve.1.gz")
        for place in ("bash-completion/completions/feedbell", "zsh/vendor-completions/_feedbell",
                      "fish/vendor_completions.d/feedbell.fish"):
            self.assertTrue(os.path.getsize(os.path.join("/usr/share", place)))


if __name__ == "__main__":
    unittest.main(verbosity=2)
