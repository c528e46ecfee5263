"""A desktop session without a screen: Xvfb, a window manager, a private D-Bus session.

    with Desk() as desk:                       # notifications="recorder" | "dunst" | None
        app = desk.start("feedbell-desktop", [BINARY, "--hidden"])
        desk.until(lambda: desk.tray.items, "the tray icon")

Nothing outside the session's own folder is read or written, and whatever was started ends with it.
"""
import ctypes
import glob
import os
import shutil
import signal
import subprocess
import tempfile
import time

from bus import Loop, Recorder, Tray

# Without a service directory no daemon is started behind the test's back.
BUS_CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>unix:path={}</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/>
<allow own="*"/></policy></busconfig>"""

DUNST_CONFIG = """[global]
    origin = top-right
    width = 380
    offset = 16x46
    font = Sans 10
    frame_width = 1
    corner_radius = 8
    padding = 12
    horizontal_padding = 14
    markup = full
    format = "<b>%s</b>\\n%b"
    show_indicators = no
    history_length = 100
[urgency_normal]
    background = "#ffffff"
    foreground = "#191c22"
    frame_color = "#c9ced8"
    timeout = 0
"""

# The same pictures on every machine: without it the fonts installed last decide.
FONTS_CONFIG = """<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>{}<include>/etc/fonts/fonts.conf</include></fontconfig>""".format("".join(
    f"<alias binding='strong'><family>{asked}</family><prefer><family>{first}</family>"
    "<family>Noto Sans CJK SC</family></prefer></alias>"
    for asked, first in (("sans-serif", "Inter"), ("Sans", "Inter"), ("system-ui", "Inter"),
                         ("monospace", "DejaVu Sans Mono"), ("ui-monospace", "DejaVu Sans Mono"))))

BACKDROP = "#5b6b86"  # of one colour: a picture of nothing else is found to be blank
XFCONFD = "/usr/lib/*/xfce4/xfconf/xfconfd"  # by architecture


LIBC = ctypes.CDLL(None)


def die_with_parent():
    """In the child: a test that is killed leaves no X server behind."""
    LIBC.prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


class Process:
    """Something started in the session, with its output in a file."""

    def __init__(self, name, command, env, log, **more):
        self.name, self.log_path = name, log
        with open(log, "ab") as output:
            self.popen = subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=output,
                                          stderr=subprocess.STDOUT, start_new_session=True,
                                          preexec_fn=die_with_parent, **more)

    @property
    def pid(self):
        return self.popen.pid

    def running(self):
        return self.popen.poll() is None

    def log(self):
        with open(self.log_path, errors="replace") as output:
            return output.read()

    def kill(self):
        """As `kill -9` does, its children included: no time to tidy up."""
        self._signal(signal.SIGKILL)
        self.popen.wait()

    def stop(self):
        if self.running():
            self._signal(signal.SIGTERM)
            try:
                self.popen.wait(3)
            except subprocess.TimeoutExpired:
                pass
        self._signal(signal.SIGKILL)  # children that outlived it
        self.popen.wait()

    def _signal(self, number):
        try:
            os.killpg(self.pid, number)
        except ProcessLookupError:
            pass


class Desk:
    def __init__(self, notifications="recorder", tray="host", size="1280x800", env=None):
        self.notifications, self.panel, self.size = notifications, tray, size
        self.more_env = dict(env or {})
        self.processes, self.services, self.loop, self.counts = [], [], None, {}

    def __enter__(self):
        self.folder = tempfile.mkdtemp(prefix="feedbell-desk-")
        try:
            self._open()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, *_error):
        for process in reversed(self.processes):
            process.stop()
        for service in self.services:
            service.stop()
        if self.loop:
            self.loop.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def _open(self):
        kept = {key: value for key, value in os.environ.items()
                if not key.startswith(("XDG_", "DBUS_", "GTK_", "WAYLAND_", "FEEDBELL"))
                and key not in ("DISPLAY", "XAUTHORITY", "LANGUAGE", "LC_ALL", "LC_MESSAGES")}
        for part in ("config", "data", "state", "cache", "run", "home"):
            os.makedirs(self.path(part), mode=0o700)
        self.env = {
            **kept, "HOME": self.path("home"), "LANG": "C.UTF-8",
            "XDG_CONFIG_HOME": self.path("config"), "XDG_DATA_HOME": self.path("data"),
            "XDG_STATE_HOME": self.path("state"), "XDG_CACHE_HOME": self.path("cache"),
            "XDG_RUNTIME_DIR": self.path("run"), "XDG_CURRENT_DESKTOP": "XFCE", "XDG_SESSION_TYPE": "x11",
            "GDK_BACKEND": "x11", "NO_AT_BRIDGE": "1", "GSETTINGS_BACKEND": "memory", "LIBGL_ALWAYS_SOFTWARE": "1",
            "FONTCONFIG_FILE": self.path("fonts.conf"),
            **self.more_env,
        }
        with open(self.path("fonts.conf"), "w") as config:
            config.write(FONTS_CONFIG)
        reader, writer = os.pipe()
        self.start("xvfb", ["Xvfb", "-displayfd", str(writer), "-screen", "0", self.size + "x24",
                            "-nolisten", "tcp", "-noreset"], pass_fds=[writer])
        os.close(writer)
        with os.fdopen(reader) as answer:
            display = answer.readline().strip()
        if not display:
            raise RuntimeError("Xvfb did not start: " + self.processes[-1].log())
        self.env["DISPLAY"] = ":" + display

        with open(self.path("bus.conf"), "w") as config:
            config.write(BUS_CONFIG.format(self.path("bus")))
        self.start("dbus", ["dbus-daemon", "--nofork", "--config-file=" + self.path("bus.conf")])
        self.until(lambda: os.path.exists(self.path("bus")), "the session bus")
        self.address = "unix:path=" + self.path("bus")
        self.env["DBUS_SESSION_BUS_ADDRESS"] = self.address
        self.loop = Loop()

        self.start("openbox", ["openbox"])
        self.run("xsetroot", "-solid", BACKDROP)
        if self.panel == "host":
            self.tray = self._service(Tray)
        elif self.panel == "xfce":
            self._start_panel()
        if self.notifications == "recorder":
            self.recorder = self.start_recorder()
        elif self.notifications == "dunst":
            self._start_dunst()

    def _service(self, kind, **more):
        service = kind(self.loop, self.address, **more)
        self.services.append(service)
        return service

    def start_recorder(self, **more):
        return self._service(Recorder, **more)

    def _start_dunst(self):
        with open(self.path("dunstrc"), "w") as config:
            config.write(DUNST_CONFIG)
        self.start("dunst", ["dunst", "-config", self.path("dunstrc")])
        self.wait_for_name("org.freedesktop.Notifications")

    def _start_panel(self):
        self.start("xfconfd", [glob.glob(XFCONFD)[0]])
        self.wait_for_name("org.xfce.Xfconf")
        for name, *values in (
                ("/panels", "-a", "-t", "int", "-s", "1"),
                ("/panels/panel-1/position", "-t", "string", "-s", "p=6;x=0;y=0"),
                ("/panels/panel-1/length", "-t", "int", "-s", "100"),
                ("/panels/panel-1/size", "-t", "int", "-s", "30"),
                ("/panels/panel-1/plugin-ids", "-a", "-t", "int", "-s", "1", "-t", "int", "-s", "2",
                 "-t", "int", "-s", "3"),
                ("/plugins/plugin-1", "-t", "string", "-s", "systray"),
                ("/plugins/plugin-2", "-t", "string", "-s", "separator"),
                ("/plugins/plugin-2/expand", "-t", "bool", "-s", "true"),
                ("/plugins/plugin-3", "-t", "string", "-s", "clock")):
            self.run("xfconf-query", "-c", "xfce4-panel", "-n", "-p", name, *values)
        self.start("xfce4-panel", ["xfce4-panel", "--disable-wm-check"])
        self.wait_for_name(WATCHER_NAME)

    def wait_for_name(self, name):
        def owned():
            return "true" in self.run("gdbus", "call", "--session", "--dest", "org.freedesktop.DBus", "--object-path",
                                      "/org/freedesktop/DBus", "--method", "org.freedesktop.DBus.NameHasOwner", name)
        self.until(owned, f"{name} on the bus")

    def start(self, name, command, env=None, **more):
        """Starts a program in the session; its output goes to `name`.log in the session's folder."""
        self.counts[name] = self.counts.get(name, 0) + 1
        log = self.path(f"{name}-{self.counts[name]}.log")
        process = Process(name, command, {**self.env, **(env or {})}, log, cwd=self.folder, **more)
        self.processes.append(process)
        return process

    def run(self, *command, check=True, timeout=20, env=None):
        """Runs a program in the session and returns what it printed."""
        done = subprocess.run(command, env={**self.env, **(env or {})}, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=timeout, cwd=self.folder)
        if check and done.returncode:
            raise AssertionError(f"{' '.join(command)}: exit {done.returncode}: {done.stdout}{done.stderr}")
        return done.stdout

    def until(self, fact, what, within=20):
        """Waits until `fact()` is truthy and returns it. What it raises while waiting is not yet a failure."""
        end, last = time.monotonic() + within, None
        while time.monotonic() < end:
            try:
                last = fact()
                if last:
                    return last
            except Exception as error:  # reported below
                last = error
            time.sleep(0.05)
        raise AssertionError(f"not within {within} s: {what} (last: {last!r})")

    def windows(self):
        """Titles of the windows that the window manager shows."""
        listed = self.run("wmctrl", "-l", check=False).splitlines()
        return [line.split(None, 3)[3] for line in listed if len(line.split(None, 3)) == 4]

    def close_window(self, title):
        """What the X of the title bar does."""
        self.run("wmctrl", "-c", title)

    def shot(self, path, window="root", crop=None):
        """A picture of the screen, or of the region `crop` ("WxH+X+Y")."""
        self.run("import", "-silent", "-window", window, *(["-crop", crop, "+repage"] if crop else []), path)
        return path


WATCHER_NAME = "org.kde.StatusNotifierWatcher"
