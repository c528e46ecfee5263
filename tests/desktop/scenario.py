"""What scenarios have in common: a session of their own, and what was said in it when they fail."""
import contextlib
import os
import sys
import unittest

from bell import COMMAND, DESKTOP
from desk import Desk
from feed import Feed


class Scenario(unittest.TestCase):
    maxDiff = None

    def open(self, overlap=0, **desk):
        stack = contextlib.ExitStack()
        self.addCleanup(stack.close)
        self.feed = stack.enter_context(Feed(overlap))
        self.desk = stack.enter_context(Desk(**desk))
        self.addCleanup(self.report)
        return self.desk

    def report(self):
        """After a failure, what the app said."""
        outcome = self._outcome
        if hasattr(outcome, "errors"):  # until Python 3.10
            failed = any(error for _, error in outcome.errors)
        else:
            failed = any(test is self for test, _ in outcome.result.failures + outcome.result.errors)
        if failed:
            for process in self.desk.processes:
                if process.name in ("app", "webdriver", "second"):
                    print(f"--- {os.path.basename(process.log_path)}\n{process.log()[-4000:]}", file=sys.stderr)

    def shown(self, **wanted):
        """Waits for a pop-up that looks like this."""
        def found():
            return next((n for n in self.desk.recorder.shown if all(n[k] == v for k, v in wanted.items())), None)
        try:
            return self.desk.until(found, f"a notification with {wanted}")
        except AssertionError as missed:
            raise AssertionError(f"{missed}; shown: {[n['title'] for n in self.desk.recorder.shown]}") from None


def run():
    """Runs the scenarios of the program that was started."""
    for binary in (DESKTOP, COMMAND):
        if not os.access(binary, os.X_OK):
            print(f"{binary} is missing: build it first (make build)")
            sys.exit(1)
    result = unittest.main(exit=False, verbosity=2).result
    failed = len(result.failures) + len(result.errors)
    print(f"{result.testsRun - failed} passed, {failed} failed")
    sys.exit(1 if failed or not result.testsRun else 0)
