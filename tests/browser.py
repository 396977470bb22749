"""Pages in a browser without a window."""

import shutil
import subprocess

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")


def browse(path, folder):
    """What the browser complains about."""
    flags = (
        "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run "
        "--disable-background-networking --disable-component-update --disable-sync "
        "--enable-logging=stderr --dump-dom"
    ).split()
    command = [CHROMIUM, *flags, f"--user-data-dir={folder}", path.as_uri()]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=60)
    assert "How this was made" in done.stdout
    return [line for line in done.stderr.splitlines() if "CONSOLE" in line]
