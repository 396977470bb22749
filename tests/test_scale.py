"""More than one process: the same bits, whoever works."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import hybridctl as hc
from hybridctl.contests import compare as _  # noqa: F401
from hybridctl.scale import Local, Workers
from hybridctl.scale.dispatch import Dispatch
from hybridctl.scale.shard import Stamp

TASK = hc.tasks.get("balance", seconds=0.4)
LQR = hc.reference("lqr", TASK)


def double(shared, part):
    return {"value": np.asarray(shared * part)}
