"""The numbers that benchmarks/questions/tune.py found, by what they were tuned on."""

from typing import Any

from hybridctl.plants import Acrobot, MechanicalPlant, Pendubot, Pendulum
from hybridctl.tasks.hints import Hints, MachineGains

GAINS = MachineGains()  # tuned on `global` and `swingup`
TUNED = {  # on CartPole(); "ekf ..." stands behind observers
    "swingup": MachineGains(
        199.7, 8.788, 0.2, 0.01053, 0.01621, 6.629, 0.7914, 0.8368, 2.467, 2.639, 4.85
    ),
    "global": GAINS,
    "weak": MachineGains(
        168.5, 3.477, 4.126, 0.02429, 0.004117, 5.188, 0.9246, 3.203, 1.922, 4.291, 20
    ),
    "short_track": MachineGains(
        43.45, 1.073, 2.2, 0.0296, 0.01619, 3.961, 0.8071, 0.663, 1.169, 2.467, 8
    ),
    "push": MachineGains(
        56.71, 3.662, 5.022, 0.02454, 0.004212, 7.939, 0.9151, 0.8861, 0.74, 2.879, 20
    ),
    "unknown_plant": MachineGains(
        170.8, 10.4, 0.3083, 0.01028, 0.02405, 8.95, 0.7504, 1.948, 0.8195, 1.528, 10.61
    ),
    "noisy": MachineGains(
        63.29, 5.174, 3.509, 0.01746, 0.003, 5.482, 0.6877, 0.4654, 0.8388, 10, 0.5
    ),
    "noise alone": MachineGains(
        140.6, 4.115, 3.645, 0.00849, 0.003, 8.914, 0.8151, 0.4811, 0.958, 2.024, 0.5332
    ),
    "ekf noisy": MachineGains(
        20.17, 0.8317, 0.8102, 0.1254, 0.02239, 7.699, 0.7644, 1.113, 0.6483, 3.39,
        1.402,
    ),
    "ekf noise alone": MachineGains(
        157.7, 1.616, 4.698, 0.01018, 0.003, 4.917, 0.8019, 0.4197, 1.048, 2.374, 0.9391
    ),
}  # fmt: skip


BY_PLANT: dict[type[MechanicalPlant], MachineGains] = {  # of `tasks.reach`
    Pendulum: MachineGains(
        3, 4.742, 0.51, 0.005104, 0.003419, 12, 0.9401, 1.931, 2.229, 2.858, 18.48
    ),
    Acrobot: MachineGains(
        8.916, 14.84, 2.59, 0.02566, 0.04832, 115.7, 0.9603, 1.725, 1.788, 7.882, 8
    ),
    Pendubot: MachineGains(
        6.328, 13.09, 3.495, 0.04446, 0.3849, 11.99, 0.9569, 2.187, 0.8501, 3.906, 8
    ),
}


def tuned_on(name: str, **others: Any) -> Hints:
    """Hints with the gains of `TUNED`, those behind observers too."""
    observed = TUNED.get(f"ekf {name}")
    return Hints(TUNED[name], observed, **others)
