"""What is said of block diagrams."""

from benchmarks.lib.results import load
from benchmarks.lib.words import section


def blocks() -> str:
    """What a diagram costs beside the same equations written by hand."""
    result = load("blocks")
    large, env = result["large"], result["environment"]
    least, most = large["speeds"]
    return section(
        "Block diagrams",
        f"A diagram of {large['blocks']} blocks, nested {large['depth']} deep, with "
        f"{large['states']} states is built in {large['build_s']:.1f} s and compiled "
        f"in {large['compile_s']:.1f} s; it runs at {large['speed']:.2f} [{least:.2f}, "
        f"{most:.2f}] of the speed of the same equations written by hand.",
        "The environment over a diagram with a state machine inside that is sampled "
        f"takes steps at {env['speed']:.2f} of the rate of the plain plant's, at "
        f"{env['lanes']} lanes.",
        _trained(result["trained"]),
        "From `benchmarks/questions/blocks.py`, on a machine that was shared.",
    )


def _trained(found: dict) -> str:
    """What a residual around it takes to train, by either engine."""
    told = [f"{row['decisions']:,} decisions in {row['timing']['total']:.0f} s by "
            f'`engine="{name}"`' for name, row in found.items()]  # fmt: skip
    return (
        "A residual around that machine is trained by either engine, compiling "
        f"included: {' and '.join(told)}."
    )
