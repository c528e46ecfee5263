#!/usr/bin/env python3
"""The well-known tutorials' pages in real Chromium, against a running hub.

FEEDBELL_BIN names the binary whose `serve` is tried; target/debug/feedbell if unset.
"""
import re
import signal
import sys
import unittest

sys.dont_write_bytecode = True

from support.chrome import Chrome, until
from support.hub import Hub, Pages


def setUpModule():
    global chrome, pages
    pages = Pages()
    try:
        chrome = Chrome()
    except BaseException:
        pages.close()
        raise


def tearDownModule():
    chrome.close()
    pages.close()


class Page(unittest.TestCase):
    def hub(self, *options):
        hub = Hub("--allow-origin", pages.url, *options)
        self.addCleanup(hub.close)
        pages.hub = hub.url
        return hub

    def open(self, page):
        tab = chrome.open(f"{pages.url}/{page}")
        self.addCleanup(tab.load, "about:blank")
        return tab


class Board(Page):
    SEND = "document.querySelector('#info').value = arguments[0]; document.querySelector('#form').requestSubmit()"

    def test_facts_reach_every_page_and_missed_ones_come_once(self):
        hub = self.hub()
        first = self.open("board.html")
        first.run(self.SEND, "one")
        first.shows(["one"])
        first.says('{"r0":0,"r1":""}', "#answer")
        self.assertEqual(hub.post("/fact", {"info": "二"}), (200, '{"r0":0,"r1":""}'))
        second = self.open("board.html")
        second.shows(["one", "二"])
        second.run(self.SEND, "three")
        for page in (first, second):
            page.shows(["one", "二", "three"])

        # A restart; a fact comes before the pages are back.
        hub.stop()
        hub.start()
        hub.post("/fact", {"info": "four"})
        for page in (first, second):
            page.shows(["one", "二", "three", "four"])

    def test_the_hubs_own_origin_needs_no_permission(self):
        hub = Hub()
        self.addCleanup(hub.close)
        tab = chrome.open(f"{hub.url}/")
        self.addCleanup(tab.load, "about:blank")
        tab.run("window.got = []; window.source = new EventSource('/events');"
                "source.onmessage = e => got.push(JSON.parse(e.data))")
        until(lambda: tab.run("return got.length"), "the array")
        answer = tab.wait("return (await fetch('/fact', {method: 'POST', body: '{\"info\": 1}',"
                          " headers: {'Content-Type': 'application/json'}})).text()")
        self.assertEqual(answer, '{"r0":0,"r1":""}')
        until(lambda: tab.run("return got.length") == 2, "the fact")
        self.assertEqual(tab.run("return got"), [[], {"info": 1}])


class CounterPauseAndClock(Page):
    def test_demo(self):
        hub = self.hub("--demo")
        counter, pause, clock = self.open("counter.html"), self.open("pause.html"), self.open("clock.html")
        counter.says("open", "#state")
        hub.publish(data="for everyone")

        date = re.compile(r"\w{3} \w{3} \d\d \d{4} \d\d:\d\d:\d\d GMT")
        time = until(lambda: clock.lines("#times"), "the clock")
        self.assertRegex(time[0], date)
        self.assertRegex(clock.lines()[0], date)

        pause.says("closed", "#state")
        shown = pause.lines()
        self.assertEqual([line for line in shown if not line.startswith("message")],
                         ["test 1", "test 2", "test 3", "test 4", "test 5", "pause 6"])
        self.assertEqual(shown.count("message for everyone"), 1)
        self.assertEqual(pause.run("return source.readyState"), 2)

        until(lambda: counter.lines("#named"), "the named event")
        self.assertEqual(counter.lines("#named")[0], "这是第几条消息:5")
        shown = [line for line in counter.lines() if not date.match(line)]
        self.assertIn("for everyone", shown)
        shown.remove("for everyone")
        self.assertEqual(shown, [f"这是第几条消息:{n + 1}" for n in range(len(shown))])
        self.assertGreaterEqual(len(shown), 5)

    def test_without_demo_publications_alone(self):
        hub = self.hub()
        counter, pause = self.open("counter.html"), self.open("pause.html")
        for tab in (counter, pause):
            tab.says("open", "#state")
        hub.publish(data="plain")
        hub.publish(event="user-msg", data={"named": True})
        hub.publish(event="pause", data="enough")
        counter.shows(["plain"])
        counter.shows(['{"named":true}'], "#named")
        pause.shows(["message plain", "pause enough"])
        self.assertEqual(pause.text("#state"), "closed")


class SiteMessages(Page):
    def test_every_tab_of_a_user_is_reached_and_nobody_elses(self):
        hub = self.hub()
        tabs = [self.open("push.html?uid=1"), self.open("push.html?uid=1")]
        other = self.open("push.html?uid=2")
        for tab in (*tabs, other):
            tab.shows(["站内信链接成功！"])
        # From the page, and from a program; the uid as a number and as a text.
        other.run("update({uid: 1, msg: '你好', isAll: false})")
        other.says('{"code":0}', "#answer")
        self.assertEqual(hub.post("/update", {"uid": "1"}), (200, '{"code":0}'))
        self.assertEqual(hub.post("/update", {"uid": 2, "msg": "二"}), (200, '{"code":0}'))
        self.assertEqual(hub.post("/update", {"uid": 1, "msg": "大家好", "isAll": True}), (200, '{"code":0}'))
        for tab in tabs:
            tab.shows(["给1的消息>>你好", "给1的消息>>", "给所有人的消息>>大家好"], "#notes")
        other.shows(["给2的消息>>二", "给所有人的消息>>大家好"], "#notes")

        # A restart: greeted again, and what was missed comes once.
        hub.stop()
        hub.start()
        hub.post("/update", {"uid": 1, "msg": "missed"})
        for tab in tabs:
            tab.shows(["给1的消息>>你好", "给1的消息>>", "给所有人的消息>>大家好", "给1的消息>>missed"], "#notes")
            tab.shows(["站内信链接成功！"] * 2)
        self.assertEqual(len(other.lines("#notes")), 2)


class Foreign(Page):
    def test_a_page_nobody_allowed_neither_hears_nor_says_anything(self):
        hub = self.hub()
        before = hub.publish(data="before")
        tab = chrome.open(f"{pages.other_url}/foreign.html")
        self.addCleanup(tab.load, "about:blank")
        tab.says("error 2", "#state")
        outcomes = tab.wait("return (await attempts).map(a => a.status)")
        # A page that asks for no CORS is not told that it was refused.
        self.assertEqual(outcomes, ["rejected", "fulfilled", "rejected", "fulfilled", "fulfilled"])
        self.assertEqual(tab.run("return said"), [])
        after = hub.publish(data="after")
        number = lambda position: int(position.rpartition(".")[2])
        self.assertEqual(number(after), number(before) + 1)


if __name__ == "__main__":
    # Ended from outside, it ends what it has started, as with Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    unittest.main(verbosity=2)
