"""A small WebDriver client for a Tauri window, speaking to WebKitWebDriver.

The driver starts the app itself, as its child:

    with Window(desk, [BINARY]) as window:
        window.until_text("[data-testid=detail-title]", "Ada liked your post")
"""
import http.client
import json
import socket

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"


class WebDriverError(Exception):
    pass


class Window:
    def __init__(self, desk, command, env=None):
        self.desk, self.command = desk, command
        # Tauri lets WebKit be driven when it sees this variable.
        self.env = {"TAURI_AUTOMATION": "true", "TAURI_WEBVIEW_AUTOMATION": "true", **(env or {})}
        self.session = None

    def __enter__(self):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.driver = self.desk.start("webdriver", ["WebKitWebDriver", f"--port={self.port}"], env=self.env)
        self.desk.until(lambda: self._request("GET", "/status"), "WebKitWebDriver")
        options = {"binary": self.command[0], "args": list(self.command[1:])}
        wanted = {"capabilities": {"alwaysMatch": {"webkitgtk:browserOptions": options}}}
        self.session = self._request("POST", "/session", wanted, timeout=60)["sessionId"]
        return self

    def __exit__(self, *_error):
        if self.session:
            try:
                self._request("DELETE", f"/session/{self.session}", timeout=5)
            except (OSError, WebDriverError, http.client.HTTPException):
                pass  # the app may be gone already
        self.driver.stop()

    def _request(self, method, path, body=None, timeout=20):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request(method, path, None if body is None else json.dumps(body),
                               {"Content-Type": "application/json", "Connection": "close"})
            response = connection.getresponse()
            value = json.loads(response.read() or b"{}").get("value")
        finally:
            connection.close()
        if response.status >= 400:
            raise WebDriverError(f"{method} {path}: {value}")
        return value if value is not None else True

    def _do(self, method, path, body=None):
        return self._request(method, f"/session/{self.session}{path}", body)

    def js(self, script, *arguments):
        value = self._do("POST", "/execute/sync", {"script": script, "args": list(arguments)})
        return value

    def element(self, css):
        def found():
            elements = self._do("POST", "/elements", {"using": "css selector", "value": css})
            return elements[0][ELEMENT] if elements is not True and elements else None
        return self.desk.until(found, f"{css} in the window")

    def click(self, css):
        self._do("POST", f"/element/{self.element(css)}/click", {})

    def type(self, css, text):
        self._do("POST", f"/element/{self.element(css)}/value", {"text": text})

    def clear(self, css):
        self._do("POST", f"/element/{self.element(css)}/clear", {})

    def text(self, css):
        return self.js("return document.querySelector(arguments[0])?.innerText ?? ''", css)

    def texts(self, css):
        return self.js("return [...document.querySelectorAll(arguments[0])].map(e => e.innerText)", css)

    def until_text(self, css, wanted):
        self.desk.until(lambda: wanted in self.text(css), f"{wanted!r} in {css}")

    def count(self, css):
        return self.js("return [document.querySelectorAll(arguments[0]).length]", css)[0]

    def resize(self, width, height):
        self._do("POST", "/window/rect", {"width": width, "height": height})

    def overflow(self):
        """Elements whose content is cut off or scrolls sideways, which none of ours should."""
        return self.js("""
            const wide = [];
            for (const e of document.querySelectorAll('html, body, body *')) {
                const style = getComputedStyle(e);
                const clipped = style.overflowX !== 'visible' && style.textOverflow === 'ellipsis';
                if (clipped || style.display === 'inline' || e.closest('[data-scroll-x], pre')) continue;
                if (e.clientWidth && e.scrollWidth > e.clientWidth + 1 && style.overflowX !== 'hidden')
                    wide.push(e.tagName + '.' + e.className + ' ' + e.scrollWidth + '>' + e.clientWidth);
            }
            return wide.slice(0, 10);""")
