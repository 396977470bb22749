"""The command line; nothing heavy is imported before a command runs."""

import contextlib
import io
import itertools
import sys
import typing
from collections.abc import Iterable
from typing import Any

import tyro

from hybridctl.cli.options import Command, Demo
from hybridctl.screen import make_lenient

NAMES = tuple(kind.__name__.lower() for kind in typing.get_args(Command))
OPENING = (
    "hybridctl demo: trains PPO to keep a pole up and a value to bring it up, and "
    "compares them with the LQR and the state machine that were designed for that."
)
FORMER = {"--tasks": "--task", "--decisions": "--steps"}  # spellings that still work
ENDS = ("For full helptext", "Perhaps you meant", "Arguments are applied")
BARE = ("--controllers", "--controller", "--template")  # and words without an option


def main(arguments: list[str] | None = None) -> None:
    """Run a command; user errors end in one sentence and exit code 2."""
    if arguments is None:
        make_lenient()
    try:
        typed = _today(sys.argv[1:] if arguments is None else arguments)
        if typed == ["--version"]:
            from hybridctl.version import __version__

            return print(f"hybridctl {__version__}")
        command = _parsed(typed)
        if isinstance(command, Demo):
            print(OPENING, flush=True)  # before the seconds that imports take
        from hybridctl.cli.run import run

        run(command, _flags(typed))
    except (ValueError, OSError) as error:
        print(f"hybridctl: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt as stop:
        told = ["hybridctl: interrupted", *map(str, stop.args)]
        print("; ".join(told), file=sys.stderr)
        sys.exit(130)


def _today(words: Iterable[str]) -> list[str]:
    """Words with former spellings replaced.

    Example:
        >>> _today(["compare", "--controllers", "lqr", "--tasks=weak", "--n", "4"])
        ['compare', 'lqr', '--task=weak', '--n', '4']
    """
    first: list[str] = []
    rest: list[str] = []
    into = rest
    for word in words:
        name, equals, value = word.partition("=")
        if name in BARE:
            into = first
            first += [value] if equals else []
            continue
        if word.startswith("--"):
            into = rest
        into.append(FORMER.get(name, name) + equals + value)
    command = [rest.pop(0)] if rest and not rest[0].startswith("-") else []
    return [*command, *first, *rest]


def _parsed(typed: list[str]) -> Any:
    """The command that was typed; what is wrong with it in one sentence."""
    if typed and not typed[0].startswith("-") and typed[0] not in NAMES:
        raise ValueError(
            f"unknown command {typed[0]!r}; choose one of: {', '.join(NAMES)}"
        )
    heard = io.StringIO()
    try:
        with contextlib.redirect_stderr(heard):
            return tyro.cli(Command, prog="hybridctl", args=typed)  # type: ignore[call-overload]
    except SystemExit as stop:
        if stop.code:
            raise ValueError(_sentence(heard.getvalue(), typed)) from None
        raise


def _sentence(box: str, typed: list[str]) -> str:
    """What stands in the box that tyro draws around an error, without its title."""
    stripped = (line.strip("│| ") for line in box.splitlines())
    lines = [line for line in stripped if line.strip("─-╰╯")]
    told = " ".join(itertools.takewhile(lambda s: not s.startswith(ENDS), lines[1:]))
    help_of = " ".join(["hybridctl", *(word for word in typed[:1] if word in NAMES)])
    return f"{told.rstrip('.')}; see {help_of} --help"


def _flags(typed: Iterable[str]) -> frozenset[str]:
    """Names of the options that were typed, whatever their values."""
    long = (word.split("=")[0] for word in typed if word.startswith("--"))
    return frozenset(word.lstrip("-").replace("-", "_") for word in long)
