"""Controllers as JavaScript, run by node."""

import subprocess
import sys

import numpy as np
import pilots
import pytest
import zoo
from pilots import CONTROLLERS, OWN

import hybridctl as hc
from hybridctl.deploy import parity
from hybridctl.deploy.node import NodeModule, node

pytestmark = pytest.mark.skipif(node() is None, reason="there is no node")
QUICK, DT = ("machine", "integral", "horner"), zoo.DT


@pytest.mark.parametrize("name", zoo.sample([*CONTROLLERS, *OWN], QUICK))
def test_javascript_is_the_jitted_controller(name):
    kept = pilots.recorded(name, 6, 2, 80)
    pilot = hc.Pilot(pilots.graphs(name), pilots.engine(name, "javascript"))
    found = parity.check(pilots.graphs(name), pilot, "double", recording=kept, loops=6)
    assert found.periods == 640 and found.edges <= 6


@pytest.mark.long
@pytest.mark.parametrize("name", ["machine"])
def test_javascript_is_the_jitted_controller_for_long(name, monkeypatch):
    monkeypatch.setattr("hybridctl.deploy.parity.PATIENCE", 600.0)
    kept = pilots.recorded(name, 128, 2, 800)
    pilot = hc.Pilot(pilots.graphs(name), pilots.engine(name, "javascript"))
    found = parity.check(
        pilots.graphs(name), pilot, "double", recording=kept, loops=128
    )
    assert found.periods >= 1e5 and found.edges <= 1e-2 * found.periods


@pytest.mark.parametrize("name", ["lqg", "integral"])
def test_a_missing_measurement_is_held(name):
    pilots.check_holding(name, pilots.engine(name, "javascript", "hold"))


def test_a_missing_measurement_may_be_an_error():
    pilot = hc.Pilot(
        pilots.guarded("lqr", "error"), pilots.engine("lqr", "javascript", "error")
    )
    with pytest.raises(ValueError, match="not finite: y = 0,NaN,0,0; give finite"):
        pilot([0.0, np.nan, 0.0, 0.0])
    assert pilot.missed == 1


def test_an_exported_module_says_what_it_is_and_runs(tmp_path, capsys, monkeypatch):
    pilots.shorten(monkeypatch)
    path = hc.export(CONTROLLERS["machine"], tmp_path / "pilot.js", DT)
    assert "pilot.js: largest difference" in capsys.readouterr().out
    text = path.read_text(encoding="utf-8")
    for words in (
        "a Switch exported by hybridctl", "dt = 0.02 s", "theta [rad]", "force [N]",
        "Modes: swing, balance", "[state, u] = step(state, t, y);",
    ):  # fmt: skip
        assert words in text.split("*/")[0]
    assert "import" not in text.split("*/", 1)[1]
    (tmp_path / "package.json").write_text('{"type": "module"}', encoding="utf-8")
    code = (
        "const { init, step, applied, MODES, MODE } = await import('./pilot.js');"
        "let [state, u] = step(init(), 0, [0, 2.5, 0, 0]);"
        "console.log(u[0], MODES[applied(state, u)[MODE]]);"
    )
    command = [str(node()), "--input-type=module", "-e", code]
    out = subprocess.run(command, capture_output=True, encoding="utf-8", cwd=tmp_path)
    told, mode = out.stdout.split()
    pilot = hc.embed(CONTROLLERS["machine"], DT)
    np.testing.assert_allclose(float(told), pilot([0, 2.5, 0, 0])[0], rtol=1e-12)
    assert pilot.mode is not None and pilot.modes[pilot.mode] == mode


def test_without_node_a_module_is_written_unchecked(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(sys.modules[hc.export.__module__], "node", lambda: None)
    path = hc.export(CONTROLLERS["lqr"], tmp_path / "lqr.js", DT)
    assert "lqr.js: not checked: there is no node here" in capsys.readouterr().out
    assert "Not checked" in path.read_text(encoding="utf-8")


def test_what_node_refuses_is_told():
    with pytest.raises(ValueError, match=r"node refuses the JavaScript.*SyntaxError"):
        NodeModule("export const = 3;")("x")
