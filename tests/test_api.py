"""The public names: there, documented, quick to import."""

import importlib
import subprocess
import sys

import pytest

import hybridctl as hc

DAILY = """CartPole lqr machine reference template Slot simulate tasks Env train
compare save load Plant Controller Tick Task Loop linearize discretize place
StateFeedback EnergySwingUp Switch StateMachine Argmax Hold Mix Constant Sequence
Policy Features near beyond after level fill evaluate Sensor Actuator Disturbance
design""".split()


@pytest.mark.parametrize("name", DAILY)
def test_the_names_of_the_design_exist(name):
    assert getattr(hc, name) is not None
    assert name in dir(hc)


ROOMS = "plants controllers loop design learn contests store runs deploy".split()


def test_an_unknown_name_says_what_there_is():
    with pytest.raises(AttributeError, match="no attribute 'lqrr'; it has"):
        hc.lqrr  # noqa: B018


def test_importing_is_light():
    code = (
        "import sys, hybridctl, hybridctl.cli.options; "
        "print([m for m in ('jax', 'brax', 'scipy', 'matplotlib') if m in sys.modules])"
    )
    run = [sys.executable, "-c", code]
    assert (
        subprocess.run(run, capture_output=True, encoding="utf-8").stdout.strip()
        == "[]"
    )


HEAVY = (
    "brax", "control", "diffrax", "flax", "gymnasium", "jinja2", "matplotlib", "mujoco",
    "optax", "optimistix", "rich", "safetensors", "scipy.optimize", "scipy.signal",
    "scipy.special", "scipy.stats", "sympy", "tyro",
)  # fmt: skip


def test_work_imports_what_it_needs():
    code = (
        "import sys, hybridctl as hc; plant = hc.CartPole(); "
        "hc.lqr(plant, plant.upright(), Q=[1, 10, 1, 1], R=0.1, dt=0.02); "
        f"print([m for m in {HEAVY} if m in sys.modules]); "
        "print(sum(m.startswith('hybridctl') for m in sys.modules) < 40); "
        "task = hc.tasks.get('swingup'); "
        "hc.reference('machine', task); hc.simulate; hc.compare; hc.save; "
        "hc.learn.preset('quick').replace(steps=1); "
        "print([m for m in ('brax', 'mujoco', 'matplotlib') if m in sys.modules])"
    )
    run = [sys.executable, "-c", code]
    done = subprocess.run(run, capture_output=True, encoding="utf-8")
    assert done.stdout.split("\n") == ["[]", "True", "[]", ""], done.stderr


@pytest.mark.parametrize(
    "room",
    ROOMS,
)
def test_a_room_hands_out_its_names_late(room):
    module = getattr(hc, room)
    for name in module.__all__:
        home = importlib.import_module(module._homes[name])  # may be of the same name
        assert getattr(module, name) is getattr(home, name)
        assert name in dir(module)
    with pytest.raises(AttributeError, match="has no attribute 'nosuch'"):
        module.nosuch  # noqa: B018
