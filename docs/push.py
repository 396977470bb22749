"""Films a push in a page of `hc.live`: docs/push.gif, for docs/howto/live.md.

    python -m docs.push

Needs Chromium. The clock of the page stands; every picture is four periods on, so the
film is the same on any machine.
"""

import base64
import io
import json
import tempfile
from pathlib import Path

import numpy as np

import hybridctl as hc
from hybridctl.checks import require
from tests import browser

SIZE, PERIODS, PICTURES = (920, 860), 4, 92
FIRST, LAST, PULLED = 8, 24, 2.3  # pictures of the pull, and how far it turns [rad]
PULL = """((periods, to) => {
    const { hold, film } = hybridctl;
    hold(to);
    film(periods);
    document.getElementById("clock").hidden = true;
    const box = document.getElementById("picture").getBoundingClientRect();
    return { x: box.x, y: box.y, width: box.width, height: box.height };
})"""


def main() -> None:
    """Film and write."""
    require(browser.CHROMIUM is not None, "there is no Chromium; install one")
    from PIL import Image

    task = hc.tasks.get("global")
    known = {name: hc.reference(name, task) for name in ("machine", "lqr")}
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        page = hc.live(task, known, Path(folder) / "live.html")
        pictures = [Image.open(io.BytesIO(p)) for p in frames(page, Path(folder))]
    both = Image.new("RGB", (pictures[0].width, 2 * pictures[0].height))
    for i, at in enumerate((FIRST + 6, PICTURES - 40)):
        both.paste(pictures[at], (0, i * pictures[0].height))
    palette = both.quantize(160)
    small = [
        p.convert("RGB").quantize(palette=palette, dither=Image.Dither.NONE)
        for p in pictures
    ]
    target = Path(__file__).parent / "push.gif"
    small[0].save(target, save_all=True, append_images=small[1:], duration=70, loop=0)
    print(target, target.stat().st_size)


def frames(page: Path, folder: Path) -> list[bytes]:
    """Pictures of a page whose plant is pulled to the side, and let go."""
    seen = browser.Page(page, folder / "chromium", SIZE)
    try:
        seen.until("hybridctl.episode.k > 3")
        seen.key(" ")
        seen.run("hybridctl.restart('upright')")
        found = []
        for i in range(PICTURES):
            share = (i - FIRST) / (LAST - FIRST)
            turn = PULLED * share
            to = [1.25 * np.sin(turn), np.cos(turn)] if 0 <= share < 1 else None
            box = seen.run(f"{PULL}({PERIODS}, {json.dumps(to)})")
            clip = {**box, "scale": 1}
            told = seen.ask("Page.captureScreenshot", format="png", clip=clip)
            found.append(base64.b64decode(told["data"]))
        return found
    finally:
        seen.close()


if __name__ == "__main__":
    main()
