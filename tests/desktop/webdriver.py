"""A small WebDriver client for a Tauri window, speaking to WebKitWebDriver.

The driver starts the app itself, as its child:

    with Window(desk, [BINARY]) as window:
        window.until_text("[data-testid=detail-title]", "Ada liked your post")
"""
import http.client
import json
import socket

# Keys without a character, as WebDriver calls them.
ENTER, TAB, BACKSPACE, UP, DOWN, ALT, CTRL = "\ue007", "\ue004", "\ue003", "\ue013", "\ue015", "\ue00a", "\ue009"
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
        self.desk.until(lambda: self._request("GET", "/status")["ready"], "WebKitWebDriver")
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
        return value

    def _do(self, method, path, body=None):
        return self._request(method, f"/session/{self.session}{path}", body)

    def js(self, script, *arguments):
        return self._do("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def ask(self, command, arguments=None):
        """What one of the app's commands answers to the page, or why it refused."""
        script = """const done = arguments[arguments.length - 1];
            window.__TAURI_INTERNALS__.invoke(arguments[0], arguments[1]).then(done, (why) => done({ refused: why }));"""
        return self._do("POST", "/execute/async", {"script": script, "args": [command, arguments or {}]})

    def visit(self, url):
        self._do("POST", "/url", {"url": url})

    def element(self, css):
        def found():
            elements = self._do("POST", "/elements", {"using": "css selector", "value": css})
            return elements[0][ELEMENT] if elements else None
        return self.desk.until(found, f"{css} in the window")

    def click(self, css):
        self._click(lambda: self.element(css), css)

    def click_text(self, css, text):
        """Clicks the first of these elements that says this."""
        script = "return [...document.querySelectorAll(arguments[0])].find(e => e.innerText.includes(arguments[1])) ?? null"
        self._click(lambda: self.desk.until(lambda: self.js(script, css, text), f"{text!r} in {css}")[ELEMENT], text)

    def _click(self, find, what):
        """What is drawn anew just now, or lies under something that is about to go, is clicked a moment later."""
        def clicked():
            try:
                self._do("POST", f"/element/{find()}/click", {})
                return True
            except WebDriverError as error:
                if not any(passing in str(error) for passing in ("stale", "intercepted", "interactable", "no such node")):
                    raise
                return False
        self.desk.until(clicked, f"a click on {what}")

    def type(self, css, text):
        self._do("POST", f"/element/{self.element(css)}/value", {"text": text})

    def choose(self, css, value):
        """Chooses of a list of options."""
        self.click(f'{css} option[value="{value}"]')

    def keys(self, *names, held=()):
        """Presses keys wherever the focus is: characters, or WebDriver's codes. `held`: what is down meanwhile."""
        presses = [{"type": "keyDown", "value": key} for key in held]
        presses += [{"type": kind, "value": key} for key in names for kind in ("keyDown", "keyUp")]
        presses += [{"type": "keyUp", "value": key} for key in held]
        self._do("POST", "/actions", {"actions": [{"type": "key", "id": "keyboard", "actions": presses}]})

    def enter(self, css, text):
        """Types in place of what is in a field, as a person does: the field hears of it."""
        self.click(css)
        self.keys("a", held=[CTRL])
        self.keys(BACKSPACE)
        if text:
            self.type(css, text)

    def text(self, css):
        return self.js("return document.querySelector(arguments[0])?.innerText ?? ''", css)

    def texts(self, css):
        return self.js("return [...document.querySelectorAll(arguments[0])].map(e => e.innerText)", css)

    def until_text(self, css, wanted):
        self.desk.until(lambda: wanted in self.text(css), f"{wanted!r} in {css}")

    def until_count(self, css, wanted):
        self.desk.until(lambda: self.count(css) == wanted, f"{wanted} of {css}")

    def until_gone(self, css):
        self.until_count(css, 0)

    def value(self, css):
        return self.js("return document.querySelector(arguments[0])?.value ?? null", css)

    def count(self, css):
        return self.js("return document.querySelectorAll(arguments[0]).length", css)

    def resize(self, width, height):
        self._do("POST", "/window/rect", {"width": width, "height": height})

    def overflow(self):
        """Text that its box or the window cuts off sideways, and boxes that scroll sideways. Text that ends
        in an ellipsis is meant; code and strips of tabs may scroll."""
        return self.js("""
            const wrong = new Set(), may = 'nav, pre, code, textarea';
            const name = (e) => `${e.tagName.toLowerCase()}.${e.getAttribute('class') ?? ''}`;
            for (const e of document.querySelectorAll('html, body, body *')) {
                const scrolls = ['auto', 'scroll'].includes(getComputedStyle(e).overflowX);
                if ((scrolls || e === document.documentElement) && !e.matches(may) && e.scrollWidth > e.clientWidth + 1)
                    wrong.add(`${name(e)} scrolls: ${e.scrollWidth} > ${e.clientWidth}`);
            }
            const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
            while (texts.nextNode()) {
                const text = texts.currentNode, range = document.createRange();
                if (!text.data.trim() || getComputedStyle(text.parentElement).visibility !== 'visible') continue;
                range.selectNodeContents(text);
                let { left, right, width } = range.getBoundingClientRect(), meant = width === 0;
                let box = { left: 0, right: innerWidth };
                for (let e = text.parentElement; e && !meant; e = e.parentElement) {
                    const style = getComputedStyle(e);
                    meant = style.textOverflow === 'ellipsis' || style.clipPath !== 'none' || e.matches(may);
                    if (style.overflowX === 'visible') continue;
                    const edge = e.getBoundingClientRect();
                    box = { left: Math.max(box.left, edge.left), right: Math.min(box.right, edge.right) };
                }
                if (!meant && (right > box.right + 1 || left < box.left - 1))
                    wrong.add(`${JSON.stringify(text.data.trim().slice(0, 40))} in ${name(text.parentElement)}: `
                        + `${left.toFixed()}…${right.toFixed()} of ${box.left.toFixed()}…${box.right.toFixed()}`);
            }
            return [...wrong].slice(0, 10);""")
