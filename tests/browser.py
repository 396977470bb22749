"""Pages in a browser without a window."""

import base64
import json
import os
import select
import shutil
import subprocess
import sys
import time

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")


FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run "
    "--disable-background-networking --disable-component-update --disable-sync "
    "--enable-logging=stderr --dump-dom"
).split()


def browse(path, folder):
    """What the browser complains about."""
    command = [CHROMIUM, *FLAGS, f"--user-data-dir={folder}", path.as_uri()]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=60)
    assert "How this was made" in done.stdout
    return [line for line in done.stderr.splitlines() if "CONSOLE" in line]


class Page:
    """A page in Chromium, driven through the DevTools protocol over pipes.

    Args:
        path: of the HTML file.
        folder: for the browser's own files.
        size: of the window [pixels].
        dark: whether the system prefers dark colours.
    """

    def __init__(self, path, folder, size=(1280, 900), dark=False):
        (theirs, self._out), (self._in, ours) = os.pipe(), os.pipe()
        flags = [f for f in FLAGS if f != "--dump-dom"]
        flags += ["--remote-debugging-pipe", "--no-startup-window"]
        command = [CHROMIUM, *flags, f"--user-data-dir={folder}"]
        code = (  # the browser reads the protocol from 3 and writes it to 4
            "import os, sys; os.dup2(int(sys.argv[1]), 3);"
            "os.dup2(int(sys.argv[2]), 4); os.execv(sys.argv[3], sys.argv[3:])"
        )
        self._process = subprocess.Popen(
            [sys.executable, "-c", code, str(theirs), str(ours), *command],
            pass_fds=(theirs, ours), stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(theirs)
        os.close(ours)
        self._rest, self._count, self.events, self._session = b"", 0, [], None
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        attached = self.ask("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for room in ("Page", "Runtime", "Network", "Log"):
            self.ask(f"{room}.enable")
        self.size(*size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.ask("Emulation.setEmulatedMedia", features=[scheme])
        offline = {"latency": 0, "downloadThroughput": 0, "uploadThroughput": 0}
        self.ask("Network.emulateNetworkConditions", offline=True, **offline)
        self.ask("Page.navigate", url=path.as_uri())
        self.until("document.readyState === 'complete'")

    def size(self, width, height):
        """Another size of the window."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1}
        self.ask("Emulation.setDeviceMetricsOverride", **metrics, mobile=width < 600)

    def ask(self, method, **params):
        """A command of the protocol, and what it gives."""
        self._count += 1
        message = {"id": self._count, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("id") == self._count:
                assert "error" not in answer, answer
                return answer["result"]
            self.events.append(answer)

    def _read(self):
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._in], [], [], 60)
            part = os.read(self._in, 1 << 20) if ready else b""
            assert part, "the browser does not answer"
            self._rest += part
        line, self._rest = self._rest.split(b"\0", 1)
        return json.loads(line)

    def run(self, code):
        """The value of an expression in the page."""
        told = self.ask(
            "Runtime.evaluate", expression=code, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in told, told["exceptionDetails"]
        return told["result"].get("value")

    def until(self, code, seconds=30):
        """Wait until an expression is true."""
        end = time.monotonic() + seconds
        while not self.run(code):
            assert time.monotonic() < end, code
            time.sleep(0.05)

    def mouse(self, kind, x, y):
        """The mouse is pressed, moved or released."""
        held = {"button": "left", "buttons": int(kind != "mouseReleased")}
        self.ask("Input.dispatchMouseEvent", type=kind, x=x, y=y, clickCount=1, **held)

    def key(self, key, kind="keyDown"):
        """A key goes down or up."""
        text = {"text": key} if len(key) == 1 and kind == "keyDown" else {}
        self.ask("Input.dispatchKeyEvent", type=kind, key=key, **text)

    def picture(self, path):
        """What is seen, as a PNG."""
        path.write_bytes(
            base64.b64decode(self.ask("Page.captureScreenshot", format="png")["data"])
        )

    def complaints(self):
        """Errors in the console, and what was asked of the network."""
        self.run("0")
        found = []
        for event in self.events:
            params, method = event.get("params", {}), event.get("method", "")
            url = params.get("request", {}).get("url", "")
            if method == "Network.requestWillBeSent" and not url.startswith("file:"):
                found.append(url)
            elif method == "Runtime.exceptionThrown":
                found.append(str(params["exceptionDetails"]))
            elif method == "Log.entryAdded" and params["entry"]["level"] == "error":
                found.append(params["entry"]["text"])
            elif method == "Runtime.consoleAPICalled" and params["type"] == "error":
                found.append(str(params["args"]))
        return found

    def close(self):
        """Close the browser."""
        self._session = None
        self.ask("Browser.close")
        self._process.wait(20)
        os.close(self._out)
        os.close(self._in)
