"""A headless Chromium, driven over the pipe of its DevTools protocol: no further package is needed."""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
LONGEST = 60.0  # s that anything may take
ARGUMENTS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars", "--no-first-run",
    "--mute-audio", "--disable-extensions", "--disable-background-networking", "--remote-debugging-pipe",
)  # fmt: skip


def found() -> str | None:
    """Path of an installed Chromium or Chrome."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class Page:
    """One page, with the errors and requests that it made so far."""

    def __init__(self, write: int, read: int) -> None:
        self.errors: list[str] = []
        self.requests: list[str] = []
        self._write, self._read = write, read
        self._buffer, self._n, self._session = b"", 0, ""

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command and return its result; note what happens meanwhile."""
        self._n += 1
        message = {"id": self._n, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        wanted = self._n
        while True:
            answer = self._next()
            if answer.get("id") == wanted:
                if "error" in answer:
                    msg = f"{method}: {answer['error']}"
                    raise RuntimeError(msg)
                return answer["result"]

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            if not select.select([self._read], [], [], LONGEST)[0]:
                msg = "the browser does not answer"
                raise TimeoutError(msg)
            data = os.read(self._read, 1 << 20)
            if not data:
                msg = "the browser is gone"
                raise EOFError(msg)
            self._buffer += data
        text, _, self._buffer = self._buffer.partition(b"\0")
        message = json.loads(text)
        method, of = message.get("method"), message.get("params", {})
        if method == "Runtime.exceptionThrown":
            details = of["exceptionDetails"]
            self.errors.append(details.get("exception", {}).get("description") or details["text"])
        elif method == "Runtime.consoleAPICalled" and of["type"] in {"error", "warning", "assert"}:
            self.errors.append(str([arg.get("value") for arg in of["args"]]))
        elif method == "Log.entryAdded" and of["entry"]["level"] in {"error", "warning"}:
            self.errors.append(of["entry"]["text"])
        elif method == "Network.requestWillBeSent":
            self.requests.append(of["request"]["url"])
        return message

    def open(self, url: str, *, width: int = 1200, height: int = 800, dark: bool = False) -> None:
        """Go to a page and wait until it is drawn."""
        if not self._session:
            target = self.send("Target.createTarget", url="about:blank")["targetId"]
            self._session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
            for domain in ("Page", "Runtime", "Log", "Network"):
                self.send(f"{domain}.enable")
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.send("Emulation.setEmulatedMedia", features=scheme)
        self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        self.send("Page.navigate", url=url)
        self.until("document.readyState === 'complete'")

    def run(self, script: str) -> Any:
        """Evaluate an expression, and wait for it if it is a promise."""
        result = self.send("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in result:
            raise RuntimeError(result["exceptionDetails"].get("exception", {}).get("description", "an error"))
        return result["result"].get("value")

    def until(self, condition: str) -> None:
        """Wait until an expression is true."""
        end = time.monotonic() + LONGEST
        while not self.run(condition):
            if time.monotonic() > end:
                msg = f"never true: {condition}"
                raise TimeoutError(msg)
            time.sleep(0.02)

    def frame(self) -> None:
        """Wait until what was changed is drawn."""
        self.run(
            "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))"
        )

    def click(self, x: float, y: float) -> None:
        """Click at a place of the window."""
        for kind in ("mousePressed", "mouseReleased"):
            self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)
        self.frame()

    def drag(self, x: float, y: float, dx: float, dy: float) -> None:
        """Drag with the left button."""
        mouse = {"button": "left", "buttons": 1}
        self.send("Input.dispatchMouseEvent", type="mousePressed", x=x, y=y, clickCount=1, **mouse)
        for k in range(1, 6):
            self.send(
                "Input.dispatchMouseEvent", type="mouseMoved", x=x + dx * k / 5, y=y + dy * k / 5, **mouse
            )
        self.send(
            "Input.dispatchMouseEvent", type="mouseReleased", x=x + dx, y=y + dy, clickCount=1, button="left"
        )
        self.frame()

    def press(self, key: str) -> None:
        """Press a key."""
        text = {"text": key} if len(key) == 1 else {}
        self.send("Input.dispatchKeyEvent", type="keyDown", key=key, **text)
        self.send("Input.dispatchKeyEvent", type="keyUp", key=key)
        self.frame()

    def png(self, x: float, y: float, width: float, height: float) -> bytes:
        """Return a part of what the window shows."""
        clip = {"x": x, "y": y, "width": width, "height": height, "scale": 1}
        return base64.b64decode(self.send("Page.captureScreenshot", format="png", clip=clip)["data"])


@contextmanager
def chromium(profile: Path) -> Iterator[Page]:
    """Start a browser with a profile of its own, and end it."""
    program = found()
    assert program is not None
    theirs_read, write = os.pipe()
    read, theirs_write = os.pipe()

    def pipes() -> None:
        # as file descriptors 3 and 4; copies first, as they may be these
        a, b = os.dup(theirs_read), os.dup(theirs_write)
        a, b = os.dup2(a, 20), os.dup2(b, 21)
        os.dup2(a, 3)
        os.dup2(b, 4)

    process = subprocess.Popen(
        [program, *ARGUMENTS, f"--user-data-dir={profile}"],
        preexec_fn=pipes,  # noqa: PLW1509
        close_fds=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    os.close(theirs_read)
    os.close(theirs_write)
    try:
        yield Page(write, read)
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        os.close(write)
        os.close(read)
