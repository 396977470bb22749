"""What an exported Python file does without a measurement."""

from hybridctl.deploy.program import Program

TEST = """\
    if not isfinite({total}) and not all(map(isfinite, {every})):
"""
REFUSE = """\
        raise ValueError(
            f"not finite: {{dict(zip(Y, y))}}{r}; give finite numbers, "
            "or choose on_missing='hold'"
        )
"""
HOLD = '''
def _hold(state):
    """A period without a measurement: the last input, and the memory as it was."""
{first}    {before}*memory, missed{held} = state
    state = ({after}*memory, missed + 1{held})
    return state, np.array({u})
'''
FIRST = """\
    if not isinstance(state, tuple):
        return (state or 0) + 1, np.zeros({n})
"""
LATE = '''

def _late(state, missed):
    """The first state, after so many periods without a measurement."""
    {head}*rest, _{held} = state
    return ({first}*rest, missed{held})
'''


def fields(program: Program) -> list[str]:
    """What comes before the memory in the state: k, applied and asked inputs."""
    part, n = program.step, range(program.sizes.n_u)
    out = ["k"] if part.needs([part.k]) else []
    out += [f"applied{i}" for i in n] if part.needs(part.applied) else []
    return out + ([f"asked{i}" for i in n] if part.needs(part.asked) else [])


def held(program: Program) -> list[str]:
    """What comes behind the memory and the number of missed periods: the last u."""
    return [f"held{i}" for i in range(program.sizes.n_out)] * program.holds


def guard_words(program: Program) -> dict[str, str]:
    """What the text of `step` needs; the sum is what costs little."""
    if not program.guarded:
        return {"missing": "", "missing_doc": ""}
    y, r = _row(program), program.sizes.n_r > 0
    total = f"sum({y})" + " + sum(r)" * r
    test = TEST.format(total=total, every=f"(*{y}, *r)" if r else y)
    if program.holds:
        doc = " Where a\n        measurement is not finite it is the last good one."
        return {"missing": f"{test}        return _hold(state)\n", "missing_doc": doc}
    doc = "\n\n    Raises:\n        ValueError: a measurement is not finite."
    return {"missing": test + REFUSE.format(r=", r={r}" * r), "missing_doc": doc}


def guard_text(program: Program) -> str:
    """The function `_hold`, and `_late` where a measurement begins the memory."""
    if not program.holds:
        return ""
    names, head, late = held(program), fields(program), program.start is None
    moved = {"k": "k + 1"}
    for i, name in enumerate(names * program.fed):
        moved |= {f"applied{i}": name, f"asked{i}": name}
    last = "".join(f", {name}" for name in names)
    text = HOLD.format(
        first=FIRST.format(n=len(names)) * late,
        before="".join(f"{name}, " for name in head),
        after="".join(f"{moved.get(name, name)}, " for name in head),
        held=last,
        u=f"({last[2:]}{',' * (len(names) == 1)})",
    )
    k = "k" in head
    return text + LATE.format(head="_, " * k, held=last, first="missed, " * k) * late


def unknown(program: Program) -> str:
    """In `init`: a first measurement that is not finite is not known yet."""
    if not program.guarded:
        return ""
    every = _row(program)
    every = f"(*{every}, *r)" if program.sizes.n_r else every
    return f"    if not all(map(isfinite, {every})):\n        return None\n"


def distrusted(program: Program) -> str:
    """In `applied`: what is not finite was not applied."""
    test = "    if not all(map(isfinite, u)):\n        return state\n"
    return test * program.guarded


def _row(program: Program) -> str:
    return f"y[:{program.sizes.n_y}]" if program.sizes.more else "y"
