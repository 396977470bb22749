"""Watching a training: the curve of several seeds, notebooks, TensorBoard."""

import struct
import sys
import types

import matplotlib.image
import numpy as np
import pytest

import hybridctl as hc
from hybridctl.show.figures.live_curve import ELSEWHERE
from hybridctl.show.figures.training import mean_of, training_curve

Namespace = types.SimpleNamespace


def made_up(scores, seed=0, stopped="finished", target=None, steps=1000):
    curve = [
        {"steps": 100.0 * i, "score": s, "train_reward": np.nan if i == 0 else s}
        for i, s in enumerate(scores)
    ]
    config = Namespace(target=target, steps=steps)
    best = int(np.argmax(scores))
    return Namespace(
        curve=curve, seed=seed, stopped=stopped, config=config, best=best, task="made"
    )


def seeds(*runs):
    return Namespace(runs=runs)


# ---------------------------------------------------------------- curves


def test_the_mean_counts_on_with_what_a_stopped_seed_kept():
    short, long = made_up([0.0, 9.0, 8.0], stopped="target"), made_up([0, 1, 2, 3, 5.0])
    steps, mean, (low, high) = mean_of((short, long))
    assert steps.tolist() == [0, 100, 200, 300, 400]
    assert mean.tolist() == [0, 5, 5, 6, 7]
    assert (low <= mean).all() and (mean <= high).all()
    going = made_up([0.0, 9.0, 8.0], stopped="running")
    assert mean_of((going, long))[0].tolist() == [0, 100, 200]


def test_seeds_are_thin_lines_a_mean_and_a_band():
    scores = [0.0, 2.0, 4.0], [0.0, 8.0, 9.0], [0.0, 1.0, 1.0]
    group = seeds(*(made_up(s, seed=i) for i, s in enumerate(scores)))
    figure = training_curve({"ppo": group, "one": made_up([1.0, 3.0], target=8.0)})
    axis = figure.axes[0]
    assert len(axis.collections) == 1
    widths = [line.get_linewidth() for line in axis.lines]
    assert sum(width < 1 for width in widths) == 4  # three seeds, and the target
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    interval = "95 % interval of the mean"
    assert set(names) == {"ppo, 3 seeds", "one", "best, kept", interval, "target"}
    low, high = axis.get_ylim()
    assert -1 < low < 0 and 9 < high < 10  # of the lines: few seeds have a huge band
    two = training_curve({"a": seeds(*group.runs[:2])})
    assert not two.axes[0].collections and len(two.axes[0].lines) == 3
    same = training_curve({"a": seeds(made_up([0.0, 1.0]))})
    assert not same.axes[0].collections and len(same.axes[0].lines) == 2
    with pytest.raises(ValueError, match="'a' has no runs in it"):
        training_curve({"a": seeds()})


def test_the_axis_ends_where_it_is_told_to():
    axis = training_curve({"a": made_up([0.0, 1.0])}, steps=5000).axes[0]
    assert axis.get_xlim()[1] == pytest.approx(5100)


# ---------------------------------------------------------------- notebooks


@pytest.fixture
def notebook(monkeypatch):
    """Stands for IPython in a notebook; keeps what it is shown."""
    shown = []

    class Image:
        def __init__(self, data, format, width):
            assert format == "png" and 300 < width < 1000
            self.data = data

    def display(picture, display_id):
        assert display_id is True
        shown.append(picture)
        return Namespace(update=shown.append)

    parts = {
        "IPython": {
            "get_ipython": lambda: Namespace(kernel=1),
            "version_info": (9, 0, 0),  # which matplotlib asks for
        },
        "IPython.display": {"display": display, "Image": Image},
    }
    for name, content in parts.items():
        module = types.ModuleType(name)
        vars(module).update(content)
        monkeypatch.setitem(sys.modules, name, module)
    return shown


def test_a_notebook_gets_one_picture_that_grows(notebook, tmp_path, capsys):
    live = hc.LiveCurve("ppo")
    for n in (1, 2, 3):
        live(made_up([0.0, 4.0, 5.0][:n], stopped="running"))
    assert live.figure().axes[0].get_xlim()[1] == pytest.approx(1020)
    live(made_up([0.0, 4.0, 5.0]))
    assert len(notebook) == 4 and capsys.readouterr().out == ""
    (tmp_path / "live.png").write_bytes(notebook[-1].data)
    assert matplotlib.image.imread(tmp_path / "live.png").shape[1] > 900
    axis = live.figure().axes[0]
    assert axis.get_xlim()[1] == pytest.approx(204)
    assert axis.lines[0].get_xdata()[-1] == 200


def test_seeds_share_a_picture(notebook):
    live = hc.LiveCurve()
    for seed in (0, 1):
        live(made_up([0.0, 1.0], seed=seed, stopped="running"))
    names = [text.get_text() for text in live.figure().legends[0].get_texts()]
    assert names[0] == "made, 2 seeds" and len(notebook) == 2


@pytest.mark.parametrize("kind", ["without IPython", "in a terminal", "outside"])
def test_elsewhere_it_says_so_once(kind, notebook, monkeypatch, capsys):
    if kind == "without IPython":
        monkeypatch.setitem(sys.modules, "IPython", None)
    else:
        shell = Namespace() if kind == "in a terminal" else None
        monkeypatch.setattr(sys.modules["IPython"], "get_ipython", lambda: shell)
    live = hc.LiveCurve()
    for _ in range(3):
        live(made_up([0.0]))
    assert capsys.readouterr().out == ELSEWHERE + "\n" and notebook == []


# ---------------------------------------------------------------- TensorBoard


def events_of(path):
    """The events of a file: length, checksum, bytes, checksum."""
    from tensorboardX.proto.event_pb2 import Event

    data, at, found = path.read_bytes(), 0, []
    while at < len(data):
        (size,) = struct.unpack_from("<Q", data, at)
        found.append(Event.FromString(data[at + 12 : at + 12 + size]))
        at += 16 + size
    return found


def scalars_of(path):
    return [
        (event.step, value.tag, value.simple_value)
        for event in events_of(path)
        for value in event.summary.value
    ]


def test_tensorboard_gets_every_number_once(tmp_path):
    board = hc.TensorBoard(tmp_path / "deep" / "run")
    board(made_up([1.0], stopped="running"))
    (path,) = board.folder.iterdir()
    assert scalars_of(path) == [(0, "score", 1.0)]  # at once, and no NaN
    board(made_up([1.0, 2.0], stopped="running"))
    board(made_up([1.0, 2.0], stopped="running"))
    board(made_up([1.0, 2.0, 4.0]))
    later = [(100 * i, tag, s) for i, s in ((1, 2.0), (2, 4.0)) for tag in TAGS]
    assert scalars_of(path) == [(0, "score", 1.0), *later]


TAGS = ("score", "train_reward")


def test_a_training_that_goes_on_hides_what_was_beyond(tmp_path):
    hc.TensorBoard(tmp_path)(made_up([1.0, 2.0, 4.0]))
    (old,) = tmp_path.iterdir()
    hc.TensorBoard(tmp_path)(made_up([1.0, 7.0], stopped="running"))
    (new,) = set(tmp_path.iterdir()) - {old}
    assert scalars_of(new) == [(100, tag, 7.0) for tag in TAGS]
    start = events_of(new)[1]
    assert (start.session_log.status, start.step) == (start.session_log.START, 100)


def test_tensorboard_refuses_a_second_seed_and_says_what_is_missing(
    tmp_path, monkeypatch
):
    board = hc.TensorBoard(tmp_path)
    board(made_up([1.0], stopped="running"))
    with pytest.raises(ValueError, match="one folder for the seeds 0 and 1"):
        board(made_up([1.0], seed=1))
    monkeypatch.setitem(sys.modules, "tensorboardX.summary", None)
    with pytest.raises(ValueError, match=r"pip install tensorboardX"):
        hc.TensorBoard(tmp_path)


def test_an_unwritable_folder_is_an_oserror(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        hc.TensorBoard(tmp_path / "file")(made_up([1.0]))
