"""The command line: results on disk, sentences instead of tracebacks."""

import io
import json
import subprocess
import sys
import typing

import numpy as np
import pytest
import zoo

import hybridctl as hc
from hybridctl import cli, screen
from hybridctl.cli import shared
from hybridctl.cli.main import _today
from hybridctl.learn import PRESETS, presets
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
    [
        "demo",
        "design",
        "simulate",
        "render",
        "train",
        "compare",
        "report",
        "export",
        "live",
    ],
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
    assert typing.get_args(cli.TemplateName) == hc.strategies.templates()
    preset = typing.get_type_hints(cli.Train)["preset"]
    assert set(typing.get_args(preset)) == {*PRESETS, "auto"}
    algorithm = typing.get_args(typing.get_type_hints(cli.Train)["algorithm"])
    assert typing.get_args(algorithm[0]) == ALGORITHMS


def test_lists_say_what_there_is(capsys):
    run("tasks")
    told = capsys.readouterr().out
    assert all(name in told for name in hc.tasks.names()) and "Keep the pole" in told
    run("controllers", "--json")
    known = json.loads(capsys.readouterr().out)
    assert tuple(known["controllers"]) == hc.strategies.references()
    assert tuple(known["templates"]) == hc.strategies.templates()
    assert all(line.endswith(".") for part in known.values() for line in part.values())
    run("presets")
    told = capsys.readouterr().out
    for name, line in presets.ABOUT.items():
        assert name in PRESETS and line in told
    assert set(presets.ABOUT) == set(PRESETS)
    assert "max_grad_norm" in told and "2x64" in told and "clipping" not in told
    run("presets", "--json")
    assert json.loads(capsys.readouterr().out)["quick"]["hidden"] == [64, 64]


def test_former_spellings_are_todays_words():
    for before, now in (
        ("compare --controllers lqr a --tasks weak", "compare lqr a --task weak"),
        ("compare --n 4 --controllers=lqr", "compare lqr --n 4"),
        ("simulate --task weak --controller a.json", "simulate a.json --task weak"),
        ("train --template swing --resume", "train swing --resume"),
        ("compare --suite c --decisions=9", "compare --suite c --steps=9"),
    ):  # fmt: skip
        assert _today(before.split()) == now.split()


def test_design_then_simulate(tmp_path, capsys):
    run("design", "--out", tmp_path)
    assert "51.3603" in capsys.readouterr().out
    saved = tmp_path / "lqr.safetensors"
    run("simulate", saved, "--task", "balance", "--out", tmp_path)
    signals = json.loads((tmp_path / "trace.json").read_text(encoding="utf-8"))
    assert len(signals["theta"]) == 1001 and (tmp_path / "trace.png").stat().st_size
    assert abs(signals["theta"][-1] - np.pi) < 1e-3


def test_train_compare_and_report(tmp_path, capsys):
    folder = tmp_path / "tiny"
    run("train", "residual", "--steps", 9000, "--out", folder)
    names = {path.name for path in folder.iterdir()}
    saved = {f"{name}.safetensors" for name in ("controller", "last", "checkpoint")}
    assert names == saved | {"curve.csv", "run.json", "curve.png", "log.txt"}
    out = tmp_path / "report"
    run(
        "report",
        "lqr",
        folder,
        "--task",
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
    assert "survived %" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["simulate", "nosuch"], "no controller 'nosuch'"),
        (["simulate", "--task", "nosuch"], "hybridctl: invalid choice 'nosuch' for"),
        (["simulate", "a", "b"], "Unrecognized options: b; see hybridctl simulate"),
        (["nosuch"], "unknown command 'nosuch'; choose one of: demo, design"),
        (["compare", "--n", "many"], "invalid literal"),
        (["train", "--preset", "nosuch"], "nosuch"),
        (["train", "--steps", "-5"], "steps=-5 must be a finite number of at least 0"),
        (["design", "--m-p", "-1"], "m_p=-1.0 must be above 0"),
        (["design", "--R", "-1"], "R"),
        (["design", "--Q", "1", "1", "1", "nan"], "finite"),
        (["compare", "--n", "0"], "n=0 must be a whole number"),
        (["compare", "--quick"], "--quick is of a suite; add --suite cartpole, or"),
        (["report", "--decisions", "9"], "--steps is of a suite; add --suite"),
        (["compare", "--on", "cloud"], "on='cloud'; expected None, a number of proc"),
        (["train", "--on", "local:2"], "on= shares the seeds of a training; give see"),
    ],
)
def test_user_errors_are_one_sentence(arguments, message, tmp_path, capsys):
    text = refused(capsys, *arguments, "--out", tmp_path)
    assert message in text and text.count("\n") == 1


@pytest.mark.slow
def test_tables_and_runs_are_the_same_whoever_works(tmp_path, capsys):
    """`--on` shares the work, and its results are on the disk as without it."""
    small = ("num_evals=2", "num_eval_envs=8", "target=inf")
    few = ("--steps", 8192, *(word for text in small for word in ("--set", text)))
    told = []
    for on in ((), ("--on", "local:2")):
        out = tmp_path / str(len(on))
        table, runs = out / "table", out / "runs"
        run("compare", "lqr", "--task", "balance", "--n", 64, "--out", table, *on)
        run("train", "residual", "--seeds", 2, *few, "--out", runs, *on)
        row = json.loads((table / "balance.json").read_text(encoding="utf-8"))
        del row["rows"]["lqr"]["step_us"]  # measured
        made = [hc.RunFolder(runs / f"seed-{seed}").load() for seed in (0, 1)]
        told.append((row, [zoo.bits(r.controller) for r in made]))
    assert told[0] == told[1]


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


class Full(io.RawIOBase):
    """A file on a disk that is full."""

    def writable(self):
        return True

    def write(self, data):
        raise OSError(28, "No space left on device")

    def fileno(self):
        return self.place


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "latin-1", "cp932", "utf-8"])
def test_what_an_encoding_lacks_is_replaced(encoding, monkeypatch):
    taken = io.BytesIO()
    taken.fileno = lambda: 99
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(taken, encoding))
    monkeypatch.setattr("sys.stderr", None)
    screen.make_lenient()
    print("Δ swing → balance ─")
    print("to nobody", file=sys.stderr)
    sys.stderr.close()
    sys.stdout.flush()
    told = taken.getvalue().decode(encoding)
    assert "swing" in told and "balance" in told
    assert ("→" in told) == (encoding in ("utf-8", "cp932"))


def test_a_stream_that_takes_no_more_costs_nothing(tmp_path, monkeypatch):
    full, file = Full(), open(tmp_path / "out", "wb")
    full.place = file.fileno()
    stream = io.TextIOWrapper(io.BufferedWriter(full), "utf-8")
    monkeypatch.setattr("sys.stdout", stream)
    screen.make_lenient()
    for _ in range(3):
        print("x" * 10_000, flush=True)
    file.write(b"goes nowhere now")
    file.close()
    assert (tmp_path / "out").read_bytes() == b""


@pytest.mark.slow
@pytest.mark.parametrize("end", zoo.sweep(["| head -n 0", ">&- 2>&-"], [">&- 2>&-"]))
def test_results_are_written_whoever_listens(end, tmp_path):
    words = f"{sys.executable} -m hybridctl.cli design --out {tmp_path}"
    run = ["bash", "-c", f"set -o pipefail; {words} {end}"]
    done = subprocess.run(run, capture_output=True, encoding="utf-8")
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "lqr.safetensors").is_file()


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("simulate lqr --task balance", "trace.png"),
        ("compare lqr --task balance --n 4", "balance.json"),
        ("design", "lqr.safetensors"),
    ],
)
def test_what_was_computed_is_kept_before_it_is_shown(
    words, name, tmp_path, monkeypatch
):
    def broken(*_, **__):
        raise UnicodeEncodeError("cp1252", "→", 0, 1, "undefined")

    monkeypatch.setattr(shared.console, "print", broken)
    with pytest.raises(SystemExit):
        run(*words.split(), "--out", tmp_path)
    assert (tmp_path / name).is_file()
