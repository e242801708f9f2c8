"""Random numbers that are functions of what they are drawn for: no generator is handed on.

So that batches, processes and resuming change nothing: the tokens that are masked in a text depend on the seed, the
pass and the text's place in its corpus. The mixing function is that of SplitMix64 (Steele, Lea and Flood 2014,
doi:10.1145/2660193.2660195, figure 17), whose output passes the usual batteries of tests.
"""

import zlib
from dataclasses import dataclass

import numpy as np

_GOLDEN = 0x9E3779B97F4A7C15
"""2⁶⁴ divided by the golden ratio: steps of that size fill the circle evenly."""
_MASK = (1 << 64) - 1


def _mix(z: np.ndarray) -> np.ndarray:
    """A bijection of 64-bit words in which each bit of the input moves half of those of the output."""
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: np.ndarray = z ^ (z >> np.uint64(31))
    return mixed


@dataclass(frozen=True)
class Draws:
    """Where random numbers come from.

    Attributes:
        seed: The training's.
        turn: How often the corpus has been gone through: other numbers for the same text.
    """

    seed: int
    turn: int = 0

    def uniform(self, purpose: str, places: np.ndarray) -> np.ndarray:
        """A number in [0, 1) for each place.

        Args:
            purpose: What for: other numbers for each purpose.
            places: Whole numbers ≥ 0, of any shape.

        >>> draws = Draws(seed=0)
        >>> draws.uniform("mask", np.array([5, 7])).tolist() == draws.uniform("mask", np.array([7, 5]))[::-1].tolist()
        True
        """
        key = np.uint64(0)
        for part in (self.seed, self.turn, zlib.crc32(purpose.encode())):
            key = _mix(np.array([(int(key) + _GOLDEN * (part + 1)) & _MASK], np.uint64))[0]
        mixed = _mix(key + np.asarray(places).astype(np.uint64) * np.uint64(_GOLDEN))
        return (mixed >> np.uint64(11)).astype(np.float64) * 2.0**-53

    def below(self, purpose: str, places: np.ndarray, limits: np.ndarray | int) -> np.ndarray:
        """A whole number in [0, limit) for each place.

        Args:
            purpose: As `uniform`'s.
            places: As `uniform`'s.
            limits: For each place, or for all, ≥ 1.
        """
        return np.asarray((self.uniform(purpose, places) * limits).astype(np.int64))
