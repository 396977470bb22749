"""Filling the Slot: environments and training."""

from typing import TYPE_CHECKING

from hybridctl.lazy import open_room

if TYPE_CHECKING:
    from hybridctl.learn import presets as presets
    from hybridctl.learn.brax.restore import from_brax as from_brax
    from hybridctl.learn.brax.wrappers import wrap as wrap
    from hybridctl.learn.checkpoint import Checkpoint as Checkpoint
    from hybridctl.learn.config import Config as Config
    from hybridctl.learn.env import Env as Env
    from hybridctl.learn.presets import PRESETS as PRESETS
    from hybridctl.learn.presets import preset as preset
    from hybridctl.learn.run import Run as Run
    from hybridctl.learn.run import Runs as Runs
    from hybridctl.learn.run import Taught as Taught
    from hybridctl.learn.sb3.policy import from_sb3 as from_sb3
    from hybridctl.learn.train import train as train

open_room(__name__)
