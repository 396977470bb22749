"""MuJoCo's pictures without a window. Run as a script, this file says if it works."""

import importlib
import sys
from collections.abc import Iterable
from typing import Any

import numpy as np

Line = tuple[np.ndarray, np.ndarray, float, np.ndarray]  # from, to, pixels, colour
PROBE = """<mujoco><worldbody><geom size="1"/></worldbody></mujoco>"""


class Screen:
    """A model's renderer on a context of its own, whatever MUJOCO_GL says.

    MuJoCo's own `Renderer` is bound to what MUJOCO_GL was when mujoco was imported
    first, which another package may have done.

    Args:
        model: a `mujoco.MjModel`.
        size: width and height [pixels], at most the model's offscreen buffer.
        backend: "egl" or "osmesa".
    """

    def __init__(self, model: Any, size: tuple[int, int], backend: str):
        self.mujoco = mujoco = importlib.import_module("mujoco")
        self.model, self.size, self.closed = model, size, False
        self.context = importlib.import_module(f"mujoco.{backend}").GLContext(*size)
        self.context.make_current()
        scale = mujoco.mjtFontScale.mjFONTSCALE_100
        self.buffer = mujoco.MjrContext(model, scale.value)
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN.value, self.buffer)
        self.scene = mujoco.MjvScene(model, maxgeom=500)
        self.scene.flags[mujoco.mjtRndFlag.mjRND_REFLECTION] = False
        self.camera, self.option = mujoco.MjvCamera(), mujoco.MjvOption()
        self.camera.type = mujoco.mjtCamera.mjCAMERA_FIXED
        if model.ncam == 0:
            mujoco.mjv_defaultFreeCamera(model, self.camera)
        else:
            self.camera.fixedcamid = 0

    def picture(self, data: Any, lines: Iterable[Line] = ()) -> np.ndarray:
        """What the camera sees [height, width, 3], with lines that throw no shadow."""
        mujoco, (width, height) = self.mujoco, self.size
        self.context.make_current()
        mujoco.mjv_updateScene(
            self.model, data, self.option, None, self.camera,
            mujoco.mjtCatBit.mjCAT_ALL.value, self.scene,
        )  # fmt: skip
        for line in lines:
            self._draw(*line)
        area = mujoco.MjrRect(0, 0, width, height)
        pixels = np.empty((height, width, 3), np.uint8)
        mujoco.mjr_render(area, self.scene, self.buffer)
        mujoco.mjr_readPixels(pixels, None, area, self.buffer)
        return pixels[::-1]

    def _draw(self, start: Any, end: Any, width: float, colour: Any) -> None:
        """A line between two points."""
        if self.scene.ngeom >= self.scene.maxgeom:
            return
        kind, zero = self.mujoco.mjtGeom.mjGEOM_LINE, np.zeros(3)
        geom, colour = self.scene.geoms[self.scene.ngeom], np.float32(colour)
        self.mujoco.mjv_initGeom(geom, kind, zero, zero, np.eye(3).ravel(), colour)
        self.mujoco.mjv_connector(geom, kind, width, start, end)
        self.scene.ngeom += 1

    def close(self) -> None:
        """Give everything back; MuJoCo complains, or worse, where that is left out."""
        if not self.closed:
            self.closed = True
            self.context.make_current()
            self.buffer.free()
            self.context.free()


def main(backend: str) -> None:
    """Draw a ball, or fail: in a process of its own, which may die of it."""
    mujoco = importlib.import_module("mujoco")
    model = mujoco.MjModel.from_xml_string(PROBE)
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    screen = Screen(model, (64, 64), backend)
    works = screen.picture(data).any()
    screen.close()
    sys.exit(0 if works else "it draws nothing")


if __name__ == "__main__":
    main(sys.argv[1])
