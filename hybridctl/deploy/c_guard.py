"""What an exported C file does without a measurement."""

from hybridctl.codegen.writers.c import WHOLE
from hybridctl.deploy.program import Program

MISSING = {
    "hold": """
 * Where a measurement or reference is not finite it returns 1: u is the last good one,
 * the memory stays as it was, and s->missed counts. Elsewhere it returns 0.""",
    "error": """
 * Where a measurement or reference is not finite it returns 1: u is the last good one,
 * and nothing else happens but that s->missed counts. Elsewhere it returns 0.""",
}
FINITE = """
/* Whether one of n numbers is not finite. */
static int {name}_missing(const {real} *row, int n) {{
    int i;
    for (i = 0; i < n; i++) {{
        if (!isfinite(row[i])) {{ return 1; }}
    }}
    return 0;
}}
"""


def returns(program: Program) -> str:
    """What `step` gives back."""
    return "int" if program.guarded else "void"


def finite_text(program: Program, name: str, real: str) -> str:
    """The function that looks whether numbers are finite."""
    return FINITE.format(name=name, real=real) if program.guarded else ""


def struct_lines(program: Program, real: str) -> list[str]:
    """The end of the struct."""
    if not program.guarded:
        return []
    return [
        f"    {WHOLE} missed; /* periods without a measurement */",
        f"    {real} held[{program.sizes.n_out}]; /* the last good input */",
    ]


def init_lines(program: Program) -> list[str]:
    """Nothing missed, nothing held."""
    if not program.guarded:
        return []
    held = [f"    s->held[{i}] = 0;" for i in range(program.sizes.n_out)]
    return ["    s->missed = 0;", *held]


def hold_lines(program: Program, name: str) -> list[str]:
    """A period without a measurement."""
    sizes, fed = program.sizes, program.fed
    test = f"{name}_missing(y, {sizes.n_y})"
    test += f" || {name}_missing(r, {sizes.n_r})" * (sizes.n_r > 0)
    told = " s->asked[{0}] = s->applied[{0}] = s->held[{0}];" * (fed and program.holds)
    rows = [f"u[{i}] = s->held[{i}];{told.format(i)}" for i in range(sizes.n_out)]
    rows += ["s->k += 1;"] * program.holds + ["s->missed += 1;", "return 1;"]
    return [f"    if ({test}) {{", *(f"        {row}" for row in rows), "    }"]


def applied_lines(program: Program, name: str) -> list[str]:
    """What is not finite was not applied."""
    test = f"    if ({name}_missing(u, {program.sizes.n_u})) {{ return; }}"
    return [test] * program.guarded
