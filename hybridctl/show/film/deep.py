"""A moment in 3D, by MuJoCo: positions only, nothing is simulated."""

import numpy as np

from hybridctl.plants.mujoco.mjcf import import_mujoco
from hybridctl.plants.mujoco.source import read
from hybridctl.show.film.chain import ARROW, CART, HEAD
from hybridctl.show.film.gl import Line, Screen
from hybridctl.show.film.play import Moment, World
from hybridctl.show.film.scene import BEHIND, scene
from hybridctl.show.film.window import Window

THREAD = 0.02  # width of the tip's way [m]


class Deep:
    """Draws moments of a world in a size, on a backend of MuJoCo."""

    def __init__(self, world: World, size: tuple[int, int], backend: str):
        self.mujoco = mujoco = import_mujoco()
        self.window = Window.of(world.chain, size)
        self.on_cart = world.chain.track is not None
        self.model = read(scene(world.plant, world.limits, size))
        self.data = mujoco.MjData(self.model)
        self.screen = Screen(self.model, size, backend)

    def place(self, points: np.ndarray) -> np.ndarray:
        """Pixels of points of the plane."""
        return self.window.deep(points)

    def paint(self, moment: Moment) -> np.ndarray:
        """The picture [height, width, 3]."""
        colour = rgb(moment.colour)
        self.model.material("tip").rgba[:3] = colour
        self.data.qpos[:] = moment.q
        if self.on_cart:
            self._point(moment, colour)
        self.mujoco.mj_kinematics(self.model, self.data)
        self.mujoco.mj_camlight(self.model, self.data)
        return self.screen.picture(self.data, self._way(moment, colour))

    def _point(self, moment: Moment, colour: np.ndarray) -> None:
        """Put the arrow beside the cart, as long as the force is large."""
        side, long = np.sign(moment.share), abs(moment.share) * ARROW
        half = max((long - HEAD) / 2, 1e-3)
        force, shaft = self.model.body("force").mocapid[0], self.model.geom("shaft")
        tip = moment.q[0] + side * (CART + long)
        self.data.mocap_pos[force] = tip, BEHIND, 0.0
        self.data.mocap_quat[force] = (1, 0, 0, 0) if side >= 0 else (0, 0, 0, 1)
        shaft.size[1], shaft.pos[0] = half, -HEAD - half
        self.model.material("force").rgba[:] = *colour, abs(side)

    def _way(self, moment: Moment, colour: np.ndarray) -> list[Line]:
        """Where the tip was, fading."""
        points, n = np.insert(moment.tail, 1, 0.05, axis=-1), len(moment.tail) - 1
        width = max(THREAD * self.window.scale, 1.0)
        fade = 0.6 * np.linspace(0.0, 1.0, n + 1)[1:] ** 2
        return [
            (points[i], points[i + 1], width, np.append(colour, fade[i]))
            for i in range(n)
        ]

    def close(self) -> None:
        """Free the renderer."""
        self.screen.close()


def rgb(colour: str) -> np.ndarray:
    """Shares of red, green and blue of a colour such as "#0072B2"."""
    return np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
