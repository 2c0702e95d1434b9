"""Is a NIfTI file all there? ITK reads a truncated one without a word and fills up with background.

Header fields as in nifti1.h and nifti2.h (https://nifti.nimh.nih.gov).
"""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path

_BLOCK = 1 << 20


def is_complete(path: Path) -> bool:
    """Whether a .nii or .nii.gz file holds as many bytes as its header says, and its compression is intact."""
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as stream:
            header = stream.read(540)
            expected = _expected_bytes(header)
            found = len(header)
            while block := stream.read(_BLOCK):
                found += len(block)
    except (OSError, EOFError, zlib.error, struct.error):
        return False
    return expected is not None and found >= expected


def _expected_bytes(header: bytes) -> int | None:
    for order in "<>":
        (size,) = struct.unpack_from(f"{order}i", header, 0)
        if size == 348:
            count, *dims = struct.unpack_from(f"{order}8h", header, 40)
            (bits,) = struct.unpack_from(f"{order}h", header, 72)
            (offset,) = struct.unpack_from(f"{order}f", header, 108)
        elif size == 540:
            (bits,) = struct.unpack_from(f"{order}h", header, 14)
            count, *dims = struct.unpack_from(f"{order}8q", header, 16)
            (offset,) = struct.unpack_from(f"{order}q", header, 168)
        else:
            continue
        return int(offset) + math.prod(dims[:count]) * bits // 8
    return None
