"""Phase 0, one class: surface points of the left ventricle in, its signed distance field out.

The same as ``python -m Training fit --phase 0``.
"""

import sys

from Training.__main__ import main

if __name__ == "__main__":
    sys.exit(main(["fit", "--phase", "0", *sys.argv[1:]]))
