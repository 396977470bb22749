"""The command line: results on disk, sentences instead of tracebacks."""

import json
import subprocess
import sys
import typing

import numpy as np
import pytest

import hybridctl as hc
from hybridctl import cli
from hybridctl.learn import PRESETS
from hybridctl.learn.config import ALGORITHMS


def run(*arguments: object) -> None:
    cli.main([str(argument) for argument in arguments])


def refused(capsys, *arguments: object) -> str:
    with pytest.raises(SystemExit) as stop:
        run(*arguments)
    assert stop.value.code == 2
    text = capsys.readouterr().err
    assert "Traceback" not in text
    return text


@pytest.mark.parametrize(
    "command",
    ["demo", "design", "simulate", "render", "train", "compare", "report", "export"],
)
def test_every_command_has_help_seed_and_out(command, capsys):
    with pytest.raises(SystemExit) as stop:
        run(command, "--help")
    assert stop.value.code == 0
    text = capsys.readouterr().out
    assert "--seed" in text and "--out" in text and "default" in text


def test_help_does_not_import_jax():
    watch = "import atexit, sys; atexit.register(lambda: print('jax' in sys.modules))"
    code = f"{watch}; from hybridctl import cli; cli.main(['--help'])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, encoding="utf-8"
    )
    assert done.returncode == 0 and done.stdout.strip().endswith("False")


def test_choices_are_the_registered_ones():
    assert typing.get_args(cli.TaskName) == hc.tasks.names()
    template = typing.get_type_hints(cli.Train)["template"]
    assert typing.get_args(template) == hc.strategies.templates()
    preset = typing.get_type_hints(cli.Train)["preset"]
    assert set(typing.get_args(preset)) == {*PRESETS, "auto"}
    algorithm = typing.get_args(typing.get_type_hints(cli.Train)["algorithm"])
    assert typing.get_args(algorithm[0]) == ALGORITHMS


def text_of(value):
    """As short as it stays readable: help has 72 columns."""
    if isinstance(value, tuple):
        assert len(set(value)) == 1
        return f"{len(value)}x{value[0]}"
    if isinstance(value, int) and value >= 10_000:
        return f"{value // 10**6}M" if value % 10**6 == 0 else f"{value // 10**3}k"
    return (
        f"{value:g}"
        if isinstance(value, float)
        else "-"
        if value is None
        else str(value)
    )


def test_help_shows_in_what_the_presets_differ():
    known = [vars(config) for config in PRESETS.values()]
    differ = [name for name in known[0] if len({fields[name] for fields in known}) > 1]
    rows = [["preset", *PRESETS]]
    rows += [[name, *(text_of(fields[name]) for fields in known)] for name in differ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    first = [row[0].ljust(widths[0]) for row in rows]
    others = [
        [text.rjust(width) for text, width in zip(row[1:], widths[1:], strict=True)]
        for row in rows
    ]
    lines = [" ".join([a, *b]) for a, b in zip(first, others, strict=True)]
    assert cli.PRESETS.splitlines() == lines, "write into cli.py:\n" + "\n".join(lines)
    assert max(map(len, lines)) <= 72


def test_design_then_simulate(tmp_path, capsys):
    run("design", "--out", tmp_path)
    assert "51.3603" in capsys.readouterr().out
    saved = tmp_path / "lqr.safetensors"
    run("simulate", "--controller", saved, "--task", "balance", "--out", tmp_path)
    signals = json.loads((tmp_path / "trace.json").read_text(encoding="utf-8"))
    assert len(signals["theta"]) == 1001 and (tmp_path / "trace.png").stat().st_size
    assert abs(signals["theta"][-1] - np.pi) < 1e-3


def test_train_compare_and_report(tmp_path, capsys):
    folder = tmp_path / "tiny"
    run("train", "--template", "residual", "--steps", 9000, "--out", folder)
    names = {path.name for path in folder.iterdir()}
    saved = {f"{name}.safetensors" for name in ("controller", "last", "checkpoint")}
    assert names == saved | {"curve.csv", "run.json", "curve.png", "log.txt"}
    out = tmp_path / "report"
    run(
        "report",
        "--controllers",
        "lqr",
        folder,
        "--tasks",
        "balance",
        "--n",
        16,
        "--out",
        out,
    )
    rows = json.loads((out / "balance.json").read_text(encoding="utf-8"))["rows"]
    assert set(rows) == {"lqr", "tiny"}
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "tiny" in page and "algorithm = ppo" in page  # with its learning curve
    assert "success" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["simulate", "--controller", "nosuch"], "no controller 'nosuch'"),
        (["simulate", "--task", "nosuch"], "nosuch"),
        (["train", "--preset", "nosuch"], "nosuch"),
        (["train", "--steps", "-5"], "steps=-5 must be a finite number above 0"),
        (["design", "--m-p", "-1"], "m_p=-1.0 must be above 0"),
        (["design", "--R", "0"], "R"),
        (["design", "--Q", "1", "1", "1", "nan"], "finite"),
        (["compare", "--n", "0"], "n=0 episodes"),
    ],
)
def test_user_errors_are_one_sentence(arguments, message, tmp_path, capsys):
    text = refused(capsys, *arguments, "--out", tmp_path)
    assert message in text


def test_an_unwritable_out_and_a_corrupt_file(tmp_path, capsys):
    file = tmp_path / "file"
    file.write_text("this is no controller", encoding="utf-8")
    assert "cannot write to" in refused(capsys, "design", "--out", file / "deep")
    text = refused(capsys, "simulate", "--controller", file, "--out", tmp_path)
    assert "file" in text and len(text.strip().splitlines()) == 1


def test_a_truncated_file_and_another_dt(tmp_path, capsys):
    run("design", "--dt", 0.01, "--out", tmp_path)
    saved = tmp_path / "lqr.safetensors"
    use = ("simulate", "--controller", saved, "--out", tmp_path)
    text = refused(capsys, *use)
    assert "dt=0.02 but this StateFeedback was designed for dt=0.01" in text
    saved.write_bytes(saved.read_bytes()[:-100])
    assert "lqr.safetensors" in refused(capsys, *use)


def test_export_writes_a_file_and_says_how_far_it_is_off(tmp_path, capsys):
    run("export", "lqr", "--task", "balance", "--out", tmp_path / "new" / "pilot.py")
    text = capsys.readouterr().out
    assert "largest difference 0.0e+00" in text and "wrote" in text
    assert "def step(state, t, y" in (tmp_path / "new" / "pilot.py").read_text(
        encoding="utf-8"
    )
    text = refused(capsys, "export", "lqr", "--out", tmp_path / "pilot.txt")
    assert "unknown suffix" in text and ".py" in text
