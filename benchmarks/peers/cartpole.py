"""The `balance` task of hybridctl in NumPy, for peers that train without it.

Pure NumPy, all lanes at once: a state is [x, theta, dx, dtheta] by lanes, [4, n].
`benchmarks/questions/learn.py` compares it with hybridctl before it measures.
"""

import numpy as np

M_C, M_P, L, G = 1.0, 0.1, 1.0, 9.81
DT, SUBSTEPS, PERIODS = 0.02, 2, 1000
FORCE, TRACK, LEAN = 1.0, 2.4, np.deg2rad(12.0)
UP = np.array([[0.0], [np.pi], [0.0], [0.0]])


def ode(x: np.ndarray, u: np.ndarray) -> np.ndarray:
    """Time derivative of states [4, n] under forces [n]."""
    s, c, out = np.sin(x[1]), np.cos(x[1]), np.empty_like(x)
    out[:2] = x[2:]
    out[2] = (u + M_P * s * (L * x[3] * x[3] + G * c)) / (M_C + M_P * s * s)
    out[3] = (c * out[2] + G * s) / -L
    return out


def period(x: np.ndarray, u: np.ndarray) -> np.ndarray:
    """States [4, n] after a control period with forces [n] held: RK4 substeps."""
    h = DT / SUBSTEPS
    for _ in range(SUBSTEPS):
        k1 = ode(x, u)
        k2 = ode(x + h / 2 * k1, u)
        k3 = ode(x + h / 2 * k2, u)
        k4 = ode(x + h * k3, u)
        x = x + h / 6 * (k1 + 2 * (k2 + k3) + k4)
    return x


def failed(x: np.ndarray) -> np.ndarray:
    """Which of the states [4, n] end an episode, [n]."""
    return (np.abs(x[0]) > TRACK) | (np.abs(x[1] - np.pi) > LEAN)


def draw(rng: np.random.Generator, n: int) -> np.ndarray:
    """Random starts [4, n] about upright."""
    return UP + rng.uniform(-0.05, 0.05, (4, n))
