"""Which structures are trusted in a training example: by the named schemes, or at random."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import yaml

NAMED_SHARE = 0.5


@lru_cache(maxsize=1)
def schemes() -> dict[str, tuple[str, ...]]:
    """Scheme name -> keys of the trusted structures."""
    content = yaml.safe_load(Path(__file__).with_name("schemes.yaml").read_text(encoding="utf-8"))
    return {name: tuple(keys) for name, keys in content.items()}


def draw_trusted(present: np.ndarray, keys: tuple[str, ...], generator: np.random.Generator) -> np.ndarray:
    """Which of the present structures are given, bool [C]; at least one, and one is missing where there are two."""
    if generator.random() < NAMED_SHARE:
        named = list(schemes().values())[generator.integers(len(schemes()))]
        given = present & np.isin(keys, named)
        if given.any():
            return given
    return draw_at_random(present, generator)


def draw_at_random(present: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """As :func:`draw_trusted`, any of the present structures."""
    there = np.flatnonzero(present)
    count = generator.integers(1, max(len(there), 2))
    given = np.zeros_like(present)
    given[generator.choice(there, count, replace=False)] = True
    return given
