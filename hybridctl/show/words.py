"""Numbers and names in sentences."""


def number(value: float, digits: int = 3, sign: bool = False) -> str:
    """A number for reading: no exponent up to a million, true minus and plus signs.

    Example:
        >>> number(1834.2), number(-0.0041236), number(13.24, sign=True)
        ('1830', '−0.00412', '+13.2')
    """
    size = abs(value)
    plain = 0 < size and 10**digits <= size < 1e6
    step = 10 ** max(len(f"{size:.0f}") - digits, 0) if plain else 1
    text = f"{round(value / step) * step}" if plain else f"{value:.{digits}g}"
    return f"+{text}" if sign and value > 0 else text.replace("-", "−")


def listed(names: list[str]) -> str:
    """Names in a sentence.

    Example:
        >>> listed(["lqr", "mpc", "ppo"])
        'lqr, mpc and ppo'
    """
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
