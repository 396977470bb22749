"""A MuJoCo model of somebody, moved by MuJoCo and seen by its own camera."""

from typing import Any

import numpy as np

from hybridctl.plants import MuJoCoPlant
from hybridctl.plants.mujoco.mjcf import import_mujoco
from hybridctl.show.film.gl import Screen
from hybridctl.show.film.play import Moment, World


def is_seen(plant: Any) -> bool:
    """Whether a plant is a MuJoCo model with something to look at."""
    if not isinstance(plant, MuJoCoPlant):
        return False
    return bool(np.any(plant.to_mujoco().geom_rgba[:, 3] > 0))


class Rig:
    """Draws moments of a MuJoCo model in a size, on a backend of MuJoCo."""

    def __init__(self, world: World, size: tuple[int, int], backend: str):
        self.mujoco = mujoco = import_mujoco()
        assert isinstance(world.plant, MuJoCoPlant)
        self.model = world.plant.to_mujoco()
        self.model.vis.global_.offwidth = max(size[0], 64)
        self.model.vis.global_.offheight = max(size[1], 64)
        self.data = mujoco.MjData(self.model)
        self.screen = Screen(self.model, size, backend)

    def place(self, points: np.ndarray) -> np.ndarray:
        """Coordinates as if a unit were a thousand pixels: to see what moves."""
        return 1000.0 * points

    def paint(self, moment: Moment) -> np.ndarray:
        """The picture [height, width, 3]."""
        self.data.qpos[:] = moment.q
        self.mujoco.mj_fwdPosition(self.model, self.data)
        return self.screen.picture(self.data)

    def close(self) -> None:
        """Free the renderer."""
        self.screen.close()
