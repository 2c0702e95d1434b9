"""Phase 3, transfer: data sets of different coverage in one batch; nothing is removed from what a case lacks.

The same as ``python -m Training fit --phase 3``.
"""

import sys

from Training.__main__ import main

if __name__ == "__main__":
    sys.exit(main(["fit", "--phase", "3", *sys.argv[1:]]))
