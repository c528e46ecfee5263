"""Headless Chromium, driven over plain WebDriver."""
import atexit
import base64
import http.client
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time

PATIENCE = 30


class BrowserError(Exception):
    pass


def until(check, what, seconds=PATIENCE):
    """The first true value of `check`, which is asked again and again."""
    deadline = time.monotonic() + seconds
    while True:
        value = check()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds} s for {what}")
        time.sleep(0.05)


class Chrome:
    """One browser with a profile of its own; each page is a tab."""

    def __init__(self, *more):
        self.profile = tempfile.mkdtemp(prefix="feedbell-chrome-")
        driver = shutil.which("chromedriver") or "/usr/bin/chromedriver"
        browser = shutil.which("chromium") or "/usr/bin/chromium"
        # A group of its own, so that its end takes the browser with it.
        self.driver = subprocess.Popen([driver, "--port=0"], stdout=subprocess.PIPE,
                                       stderr=subprocess.DEVNULL, text=True, start_new_session=True)
        self.session = None
        # The tab that commands go to.
        self.here = None
        atexit.register(self.close)
        try:
            self.port = self._port()
            arguments = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                         "--disable-background-networking", "--disable-component-update", "--disable-sync",
                         "--disable-dev-shm-usage", f"--user-data-dir={self.profile}", *more]
            options = {"binary": browser, "args": arguments}
            wanted = {"capabilities": {"alwaysMatch": {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}}}
            self.session = self._ask("POST", "/session", wanted)["sessionId"]
            self.free = [self._ask("GET", f"/session/{self.session}/window")]
        except BaseException:
            self.close()
            raise

    def _port(self):
        for line in self.driver.stdout:
            if "started successfully on port" in line:
                return int(line.split()[-1].rstrip("."))
        raise BrowserError("chromedriver did not start")

    def _ask(self, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            text = None if method == "GET" else json.dumps(body or {})
            connection.request(method, path, text, {"Content-Type": "application/json"})
            answer = json.loads(connection.getresponse().read())["value"]
        finally:
            connection.close()
        if isinstance(answer, dict) and "error" in answer:
            raise BrowserError(f"{answer['error']}: {answer['message'].splitlines()[0]}")
        return answer

    def ask(self, method, path, body=None):
        return self._ask(method, f"/session/{self.session}{path}", body)

    def open(self, url):
        """A new tab at `url`."""
        handle = self.free.pop() if self.free else self.ask("POST", "/window/new", {"type": "tab"})["handle"]
        tab = Tab(self, handle)
        tab.load(url)
        return tab

    def close(self):
        atexit.unregister(self.close)
        try:
            if self.session:
                self.ask("DELETE", "")
        except (OSError, BrowserError, http.client.HTTPException):
            pass
        try:
            os.killpg(self.driver.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.driver.wait()
        self.driver.stdout.close()
        shutil.rmtree(self.profile, ignore_errors=True)


class Tab:
    def __init__(self, chrome, handle):
        self.chrome, self.handle = chrome, handle

    def _here(self):
        if self.chrome.here != self.handle:
            self.chrome.ask("POST", "/window", {"handle": self.handle})
            self.chrome.here = self.handle

    def load(self, url):
        self._here()
        self.chrome.ask("POST", "/url", {"url": url})

    def patience(self, seconds):
        """How long a promise may take."""
        self._here()
        self.chrome.ask("POST", "/timeouts", {"script": seconds * 1000})

    def run(self, script, *args):
        self._here()
        return self.chrome.ask("POST", "/execute/sync", {"script": script, "args": list(args)})

    def wait(self, script, *args):
        """The value of a promise."""
        self._here()
        script = f"const done = arguments[arguments.length - 1]; (async () => {{ {script} }})().then(done, e => done('failed: ' + e))"
        return self.chrome.ask("POST", "/execute/async", {"script": script, "args": list(args)})

    def lines(self, list="#list"):
        """What a list of the page shows."""
        return self.run("return [...document.querySelectorAll(arguments[0] + ' li')].map(e => e.innerText)", list)

    def text(self, selector):
        return self.run("return document.querySelector(arguments[0])?.innerText ?? ''", selector)

    def shows(self, lines, list="#list"):
        """Waits until the list shows exactly these lines."""
        try:
            until(lambda: self.lines(list) == lines, "the page")
        except AssertionError:
            raise AssertionError(f"the page shows {self.lines(list)}, not {lines}") from None

    def says(self, text, selector):
        """Waits until the element shows exactly this text."""
        until(lambda: self.text(selector) == text, f"{selector} to show {text}")

    def devtools(self, command, **params):
        """A command of the DevTools protocol to this tab."""
        self._here()
        return self.chrome.ask("POST", "/goog/cdp/execute", {"cmd": command, "params": params})

    def console(self):
        """What the console of this tab said since it was last asked."""
        self._here()
        return [entry["message"] for entry in self.chrome.ask("POST", "/se/log", {"type": "browser"})]

    def screenshot(self):
        """A PNG of what is in sight."""
        self._here()
        return base64.b64decode(self.chrome.ask("GET", "/screenshot"))

    def close(self):
        self._here()
        self.chrome.ask("DELETE", "/window")
        self.chrome.here = None
