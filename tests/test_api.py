"""The public names: there, documented, quick to import."""

import inspect
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


@pytest.mark.parametrize("name", sorted(hc._NAMES))
def test_public_names_are_documented(name):
    thing = getattr(hc, name)
    text = inspect.getdoc(thing)
    assert text and len(text) > 30
    if inspect.isfunction(thing):
        parameters = [p for p in inspect.signature(thing).parameters]
        if len(parameters) > 2:
            for parameter in parameters:
                assert f"{parameter}:" in text or f"{parameter}`" in text, parameter


def test_an_unknown_name_says_what_there_is():
    with pytest.raises(AttributeError, match="hybridctl has no 'lqrr'; it has"):
        hc.lqrr  # noqa: B018


def test_importing_is_light():
    code = (
        "import sys, hybridctl, hybridctl.cli; "
        "print([m for m in ('jax', 'brax', 'scipy', 'matplotlib') if m in sys.modules])"
    )
    run = [sys.executable, "-c", code]
    assert (
        subprocess.run(run, capture_output=True, encoding="utf-8").stdout.strip()
        == "[]"
    )


def test_classical_work_does_not_import_brax():
    code = (
        "import sys, hybridctl as hc; task = hc.tasks.get('swingup'); "
        "hc.reference('machine', task); hc.simulate; hc.compare; hc.save; "
        "print([m for m in ('brax', 'mujoco', 'matplotlib') if m in sys.modules])"
    )
    run = [sys.executable, "-c", code]
    assert (
        subprocess.run(run, capture_output=True, encoding="utf-8").stdout.strip()
        == "[]"
    )
