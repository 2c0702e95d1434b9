"""How fast virtual hearts are made: ``python benchmarks/cohort.py``. Seconds of processor time, one core."""

from __future__ import annotations

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from Training.cohort.heart import heart

HEARTS = {1.5: 12, 1.0: 6}  # mm -> how many


def main() -> None:
    heart(0, spacing=2.0)  # tables and libraries are loaded once
    for spacing, count in HEARTS.items():
        start = time.process_time()
        for seed in range(count):
            heart(seed, spacing=spacing)
        print(f"{spacing} mm: {(time.process_time() - start) / count:.2f} s a heart ({count} hearts)")


if __name__ == "__main__":
    main()
