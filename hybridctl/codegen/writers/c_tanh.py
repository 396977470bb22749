"""tanh in C, as one fraction that compilers turn into vector code.

tanh(x) = x P(x²) / Q(x²), the fraction of least relative error up to where tanh rounds
to 1; benchmarks/questions/tanh.py finds the coefficients. All are positive, so that
nothing cancels: within 9e-16 of tanh in double, 4e-7 in float. The tanh of a C library
takes branches, and a policy spends most of its time there.
"""

import textwrap

import numpy as np

NAME = "fraction_tanh"
LIMIT = {"double": 18.8, "float": 9.2}
P = {
    "double": (
        1.0, 0.15183798063379886, 0.0059795923452333226, 9.378702499235657e-05,
        6.856921538977038e-07, 2.457087695697691e-09, 4.217054621698382e-12,
        3.1157263312264086e-15, 7.598833160423845e-19, 2.589535454777682e-23,
    ),
    "float": (1.0, 0.13367938, 0.00348006, 2.0354308e-05, 1.3003296e-08),
}  # fmt: skip
Q = {
    "double": (
        1.0, 0.48517131396713153, 0.034370030334278566, 0.0008292092423870349,
        8.778215847600669e-06, 4.4863721885322176e-08, 1.120849647403505e-10,
        1.287924126863574e-13, 5.748239284051918e-17, 6.408729141873161e-21,
    ),
    "float": (1.0, 0.4670125, 0.025817864, 0.00032602713, 7.632384e-07),
}  # fmt: skip
TEXT = """
/* tanh by a fraction in x*x, within some rounding errors; NaN goes through. */
static inline {real} {name}({real} x) {{
    x = x > {limit} ? {limit} : (x < -{limit} ? -{limit} : x);
    const {real} z = x * x;
    const {real} p = {p};
    const {real} q = {q};
    const {real} y = x * p / q;
    return y > {one} ? {one} : (y < -{one} ? -{one} : y);
}}
"""


def tanh_text(real: str) -> str:
    """The function, for "double" or "float".

    Example:
        >>> print(tanh_text("float"))
        <BLANKLINE>
        /* tanh ...
        static inline float fraction_tanh(float x) {
            x = x > 9.2f ? 9.2f : (x < -9.2f ? -9.2f : x);
        ...
    """
    return TEXT.format(
        real=real, name=NAME, limit=_number(LIMIT[real], real), one=_number(1.0, real),
        p=_horner(P[real], real), q=_horner(Q[real], real),
    )  # fmt: skip


def _number(value: float, real: str) -> str:
    return repr(value) if real == "double" else f"{np.float32(value)!s}f"


def _horner(coefficients: tuple[float, ...], real: str) -> str:
    """c₀ + z (c₁ + z (…)), broken into lines."""
    *rest, last = [_number(c, real) for c in coefficients]
    text = last
    for number in reversed(rest):
        text = f"{number} + z * ({text})" if text != last else f"{number} + z * {text}"
    return textwrap.fill(text, 72, subsequent_indent=" " * 8, break_on_hyphens=False)
