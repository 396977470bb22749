"""Numbers and linear forms that are worked out once, before any number is known."""

import random
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

PRIME = 2**61 - 1  # zero tests are exact in this field, but for one case in 1e18


class Number:
    """A number that parameters give, as a recipe: a constant, a parameter, a + b, ...

    Every recipe carries its value for random parameters in a finite field. So it is
    known whether it is zero for all parameters, and no rounding can hide it.

    Args:
        op: "constant", "parameter", "+", "*", "/" or "-" (of one number).
        args: a constant, the place of a parameter, or other numbers.
        residue: its value for the random parameters, modulo `PRIME`.
    """

    __slots__ = ("args", "op", "residue")

    def __init__(self, op: str, args: tuple, residue: int):
        self.op, self.args, self.residue = op, args, residue % PRIME

    @property
    def unit(self) -> bool:
        """Whether it is 1 or -1."""
        return self.op == "constant" and abs(self.args[0]) == 1

    @property
    def magnitude(self) -> "Number":
        """Without a minus sign in front."""
        return self.args[0] if self.op == "-" else self

    def __add__(self, other: Any) -> "Number":
        if not isinstance(other, (Number, int, float)):
            return NotImplemented
        a, b = self, number(other)
        residue = (a.residue + b.residue) % PRIME
        if not residue:
            return ZERO
        if not a.residue or not b.residue:
            return a if a.residue else b
        if a.op == b.op == "constant":
            return number(a.args[0] + b.args[0])
        return Number("+", (a, b), residue)

    def __mul__(self, other: Any) -> "Number":
        if not isinstance(other, (Number, int, float)):
            return NotImplemented
        a, b = self, number(other)
        if not a.residue or not b.residue:
            return ZERO
        if a.op == b.op == "constant":
            return number(a.args[0] * b.args[0])
        if a.op == "-" or b.op == "-":
            return _signed(a, b, a.magnitude * b.magnitude)
        for one, two in ((a, b), (b, a)):
            if one.unit:
                return two if one.args[0] == 1 else -two
        return Number("*", (a, b), a.residue * b.residue)

    def __truediv__(self, other: Any) -> "Number":
        b = number(other)
        if b.unit or not self.residue:
            return self * b
        if self.op == "-" or b.op == "-":
            return _signed(self, b, self.magnitude / b.magnitude)
        inverse = pow(b.residue, -1, PRIME)
        return Number("/", (self, b), self.residue * inverse)

    def __neg__(self) -> "Number":
        if self.op == "constant":
            return number(-self.args[0])
        return self.args[0] if self.op == "-" else Number("-", (self,), -self.residue)

    def __sub__(self, other: Any) -> "Number":
        return self + -number(other)

    __radd__, __rmul__ = __add__, __mul__

    def value(self, parameters: Sequence[Any], known: dict[int, Any]) -> Any:
        """Its value for parameters; `known` keeps those of shared recipes by id."""
        if id(self) not in known:
            if self.op == "constant":
                return float(self.args[0])
            if self.op == "parameter":
                return parameters[self.args[0]]
            values = (a.value(parameters, known) for a in self.args)
            known[id(self)] = _OPERATIONS[self.op](*values)
        return known[id(self)]


def _signed(a: Number, b: Number, magnitude: Number) -> Number:
    """A product or quotient of a and b, whose minus signs have been left out."""
    return magnitude if a.op == b.op else -magnitude


_OPERATIONS: dict[str, Callable[..., Any]] = {
    "+": lambda a, b: a + b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "-": lambda a: -a,
}


def number(value: Any) -> Number:
    """A constant, unless it is a recipe already."""
    if isinstance(value, Number):
        return value
    top, bottom = float(value).as_integer_ratio()
    return Number("constant", (value,), top * pow(bottom, -1, PRIME))


ZERO = number(0)


def parameters(n: int) -> list[Number]:
    """Recipes for n parameters, each with a random value of its own."""
    rng = random.Random(0)
    return [Number("parameter", (i,), rng.randrange(1, PRIME)) for i in range(n)]


class Symbol(NamedTuple):
    """A variable of a network: its kind and its name."""

    kind: str
    name: str


class Form:
    """A linear form Σ cᵢ vᵢ over variables, with recipes for coefficients.

    Args:
        terms: coefficient by variable; zeros are left out.

    Example:
        >>> drop, current = Form.of("drop"), Form.of("current")
        >>> resistor = drop - 5 * current
        >>> resistor.solved("current").terms["drop"].value([], {})
        0.2
    """

    __slots__ = ("terms",)

    def __init__(self, terms: Mapping[Any, Number] | None = None):
        self.terms = {k: c for k, c in (terms or {}).items() if c.residue}

    @staticmethod
    def of(variable: Hashable) -> "Form":
        """The variable itself."""
        return Form({variable: number(1)})

    def __add__(self, other: "Form") -> "Form":
        terms = dict(self.terms)
        for key, c in other.terms.items():
            terms[key] = terms[key] + c if key in terms else c
        return Form(terms)

    def __mul__(self, scale: Any) -> "Form":
        return Form({key: c * scale for key, c in self.terms.items()})

    def __truediv__(self, scale: Any) -> "Form":
        return Form({key: c / scale for key, c in self.terms.items()})

    def __neg__(self) -> "Form":
        return self * -1

    def __sub__(self, other: "Form") -> "Form":
        return self + -other

    __rmul__ = __mul__

    def solved(self, variable: Hashable) -> "Form":
        """What the variable is where this form is zero."""
        rest = {k: c for k, c in self.terms.items() if k != variable}
        return -Form(rest) / self.terms[variable]

    def put(self, variable: Hashable, form: "Form") -> "Form":
        """This form with a variable replaced by a form."""
        if variable not in self.terms:
            return self
        rest = Form({k: c for k, c in self.terms.items() if k != variable})
        return rest + form * self.terms[variable]


def eliminate(rows: Iterable[Form], unknown: set) -> tuple[dict, list[Form]]:
    """Solve rows (each zero) for unknown variables, sparse rows and ±1 first.

    Args:
        rows: linear forms that are zero.
        unknown: variables to solve for.

    Returns:
        Forms of the solved variables, free of each other, and the rows that are
        left, free of unknown variables.
    """
    left, solved = list(rows), {}
    while pivot := _pivot(left, unknown):
        place, key = pivot
        form = left.pop(place).solved(key)
        left = [row.put(key, form) for row in left]
        solved = {k: f.put(key, form) for k, f in solved.items()} | {key: form}
    return solved, left


def _pivot(rows: list[Form], unknown: set) -> tuple[int, Any] | None:
    """Row and variable with a ±1 if there is one, and then with the least fill-in."""
    open_ = [[k for k in row.terms if k in unknown] for row in rows]
    often: dict[Any, int] = {}
    for key in (k for keys in open_ for k in keys):
        often[key] = often.get(key, 0) + 1
    choices = [
        (not rows[i].terms[k].unit, (len(keys) - 1) * (often[k] - 1), i, k)
        for i, keys in enumerate(open_)
        for k in keys
    ]
    return min(choices)[2:] if choices else None
