"""What a stranger writes who knows the format: any content, under a right hash."""

from typing import Any

import numpy as np

Random = np.random.Generator
Node = Any
BIG = 10**9
LAYERS = ((900, 1), (250, 1), (60, 1), (2, 2000), (1, 10**6))  # how many, how wide
NUMBERS = (
    *(0, -1, 1, 2, True, False, None, 2**31, 2**63, 10**18, 10**400, -BIG, BIG),
    *(1e308, 5e-324, -0.0, 1e-9, 0.5, {"float": "nan"}, {"float": "inf"}),
)
TEXTS = (
    *("", "x" * 100_000, "os.system", "__class__", "__import__('os').system('x')"),
    *("\x00", "\x1b[31m", "\u202e", "\ud800", "../../etc/passwd", "/etc/passwd"),
    *("builtins.eval", "user:Evil", "hybridctl.store.save.load", "{0.__class__}"),
)


def made(name: str, **fields: Node) -> Node:
    """A node of a class."""
    return {"class": name, "fields": fields}


def nest(levels: int, kind: str) -> Node:
    """Parts within parts."""
    node: Node = made("Slot")
    for _ in range(levels):
        if kind == "tuple":
            node = {"tuple": [node]}
        else:
            node = made("Hold", controller=node, every=1)
    return node


XML = '<mujoco><worldbody><include file="/etc/passwd"/></worldbody></mujoco>'
BOMB = (
    '<mujoco><worldbody><replicate count="1000000"><geom size="1"/></replicate>'
    "</worldbody></mujoco>"
)
NODES: tuple[Node, ...] = (
    [], {}, [1], {"tuple": 5}, {"tuple": [0] * 1000}, {"tuple": [0] * 1001},
    {"list": [{"list": []}]}, {"dict": {"__class__": 1, "__init__": "x"}},
    {"array": "numpy"}, {"array": "pickle"}, {"float": "1e5"}, {"code": "1"},
    made("os.system"), made("user:Evil"), made("__main__.X"), made("object"),
    made("Controller"), made("Tick"), made("Slot", size=BIG),
    made("Slot", size=10**400),
    made("Slot", __class__="os.system"), made("Slot", **{"": 1}), made("CartPole"),
    made("Slot", size={"class": "Slot", "fields": {}}),
    made("Hold", controller=made("Slot"), every=10**30),
    made("Features", n_y=BIG, columns={"tuple": [0]}, history=BIG),
    made("Features", n_y=4, columns={"tuple": [0] * 999}, n_modes=BIG),
    made("MuJoCoPlant", mjcf="/etc/passwd", parameters={"dict": {}}),
    made("MuJoCoPlant", mjcf=XML, parameters={"dict": {}}),
    made("MuJoCoPlant", mjcf=BOMB, parameters={"dict": {}}),
    made("Network", components={"tuple": []}, connect={"tuple": []}),
    nest(50, "tuple"), nest(99, "tuple"), nest(200, "tuple"), nest(90, "Hold"),
)  # fmt: skip


def craft(random: Random, kind: str, manifest: dict, arrays: dict) -> None:
    """Change manifest and arrays in place."""
    if random.random() < 0.25:
        _ATTACKS[random.integers(len(_ATTACKS))](random, kind, manifest, arrays)
        return
    for _ in range(int(random.integers(1, 4))):
        if random.random() < 0.5 and arrays:
            change_array(random, arrays)
        else:
            change_node(random, manifest[kind])


def change_node(random: Random, tree: Node) -> None:
    """Any value of the tree becomes a nasty one, or is lost, doubled or renamed."""
    places = list(_places(tree))
    if not places:
        return
    inside, key = places[random.integers(len(places))]
    way = random.random()
    if way < 0.15:
        inside.pop(key)
    elif way < 0.25 and isinstance(inside, dict):
        names = [*TEXTS, "controller", "fields", "class", "tuple", "array"]
        inside[names[random.integers(len(names))]] = inside.pop(key)
    elif way < 0.35:
        other, at = places[random.integers(len(places))]
        if not _holds(other[at], inside):
            inside[key] = other[at]
    else:
        pool = [*NUMBERS, *TEXTS, *NODES]
        inside[key] = pool[random.integers(len(pool))]


def change_array(random: Random, arrays: dict) -> None:
    """Any array gets another type, shape or content."""
    names = sorted(arrays)
    name = names[random.integers(len(names))]
    a = arrays[name]
    kinds = ("float64", "float32", "float16", "bool", "int8", "uint64", "int32")
    with np.errstate(all="ignore"):
        ways = [
            a.astype(kinds[random.integers(len(kinds))]),
            a.reshape(-1)[:0],
            a[None],
            np.zeros((0, 10**6), a.dtype),
            np.full(a.shape, np.nan, np.float32),
            np.full(a.shape, np.inf, np.float32),
            (a * a.dtype.type(0)),
            -a if a.dtype.kind == "f" else a,
            np.zeros(10**6, np.float32),
            np.zeros((700, 700), np.float32),
            np.concatenate([a.reshape(-1), a.reshape(-1)]),
            np.float64(1e300) * np.ones(a.shape),
            a.T.copy(),
        ]
    arrays[name] = np.ascontiguousarray(ways[random.integers(len(ways))])
    if random.random() < 0.15:
        arrays[str(random.choice(["x", "test.y", "run.x", "__class__", ""]))] = (
            arrays.pop(name)
        )


def _places(node: Node) -> Any:
    """Every (container, key) of a tree."""
    pairs: Any = enumerate(node) if isinstance(node, list) else ()
    for key, inside in list(node.items() if isinstance(node, dict) else pairs):
        yield node, key
        yield from _places(inside)


def _holds(node: Node, other: Node) -> bool:
    """Whether a node is or holds another one: no cycles, which are no JSON."""
    return node is other or any(inside[key] is other for inside, key in _places(node))


# ---------------------------------------------------------------- thought out


def whole(random: Random, kind: str, manifest: dict, arrays: dict) -> None:
    """Another tree altogether."""
    pool = [*NODES, *NUMBERS]
    manifest[kind] = pool[random.integers(len(pool))]


def long_test(random: Random, kind: str, manifest: dict, arrays: dict) -> None:
    """A self-test of a million rows or columns, or of nothing, or not a number."""
    shapes = [(10**6, 4), (1000, 1000), (32, 100_000), (0, 4), (4,), (1, 1), (1000, 4)]
    shape = shapes[random.integers(len(shapes))]
    value = float(random.choice([0.0, np.nan, np.inf, 1e38]))
    arrays["test.y"] = np.full(shape, value, np.float32)
    arrays["test.u"] = np.full((*shape[:1], 1), value, np.float32)


def deep_policy(random: Random, kind: str, manifest: dict, arrays: dict) -> None:
    """A network of many layers, or of wide ones."""
    layers, width = LAYERS[random.integers(len(LAYERS))]
    sizes = [4, *[width] * layers]
    manifest[kind] = _policy(kind, sizes, arrays)


def _policy(kind: str, sizes: list[int], arrays: dict) -> Node:
    for name in [n for n in arrays if n.startswith(kind)]:
        del arrays[name]
    n = len(sizes) - 1
    for i in range(n):
        small = (sizes[i], sizes[i + 1])
        arrays[f"{kind}.weights.{i}"] = np.zeros(small, np.float32)
        arrays[f"{kind}.biases.{i}"] = np.zeros(sizes[i + 1], np.float32)
    for name in ("mean", "std"):
        arrays[f"{kind}.{name}"] = np.ones(sizes[0], np.float32)
    rows = {"tuple": [{"array": "numpy"}] * n}
    ends = {"mean": {"array": "numpy"}, "std": {"array": "numpy"}}
    seen = made("Features", n_y=4, columns={"tuple": [0, 1, 2, 3]})
    return made("Policy", features=seen, weights=rows, biases=rows, **ends)


def many_modes(random: Random, kind: str, manifest: dict, arrays: dict) -> None:
    """A machine of as many modes as fit into the header."""
    n = int(random.choice([300, 1000, 20_000]))
    modes, names = {"tuple": [made("Slot")] * n}, {"tuple": ["a"] * n}
    manifest[kind] = made("Switch", supervisor=made("Slot"), modes=modes, names=names)


def wide_gain(random: Random, kind: str, manifest: dict, arrays: dict) -> None:
    """A feedback of so many states that its unrolled law would compile for hours."""
    n, m = ((60, 60), (300, 300), (3000, 10), (4, 10**5))[random.integers(4)]
    sizes = {"K": (m, n), "x0": (n,), "u0": (m,)}
    for name, size in sizes.items():
        arrays[f"{kind}.{name}"] = np.zeros(size, np.float32)
    array = {"array": "numpy"}
    manifest[kind] = made("StateFeedback", K=array, x0=array, u0=array)
    arrays["test.y"] = np.zeros((32, n), np.float32)
    arrays["test.u"] = np.zeros((32, m), np.float32)


def long_loops(random: Random, kind: str, manifest: dict, arrays: dict) -> None:
    """Delays, horizons and substeps that would take hours to trace or to run."""
    n = int(random.choice([10**3, 10**5, 10**7]))
    plant = {name: 1.0 for name in ("m_c", "m_p", "L", "g")}
    predictor = made(
        "Predictor", plant=made("CartPole", **plant), dt=0.02,
        delay=n if random.random() < 0.5 else 1,
        limit=10.0, substeps=n if random.random() < 0.5 else 1,
    )  # fmt: skip
    manifest[kind] = made("Series", observer=predictor, inner=made("Slot"))


def head(random: Random, kind: str, manifest: dict, arrays: dict) -> None:
    """The manifest's own keys."""
    keys = [*manifest, "extra", "__class__"]
    key = keys[random.integers(len(keys))]
    pool = [*NUMBERS, *TEXTS, [], {}, {"y": 1}, [[1]]]
    manifest[key] = pool[random.integers(len(pool))]


def rows(random: Random, kind: str, manifest: dict, arrays: dict) -> None:
    """Of a run: a curve, settings or a checkpoint of the wrong size; else a class."""
    fields = manifest[kind].get("dict")
    if fields is None:
        manifest[kind]["class"] = str(random.choice(["CartPole", *TEXTS[2:6]]))
        return
    names = sorted(fields)
    pool = [*NUMBERS, *TEXTS, *NODES]
    fields[names[random.integers(len(names))]] = pool[random.integers(len(pool))]


_ATTACKS = (
    whole, long_test, deep_policy, many_modes, wide_gain, long_loops, head, rows,
)  # fmt: skip
