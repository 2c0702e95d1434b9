"""Phase 1, all classes: ten structures in, ten structures out, one latent set.

The same as ``python -m Training fit --phase 1``.
"""

import sys

from Training.__main__ import main

if __name__ == "__main__":
    sys.exit(main(["fit", "--phase", "1", *sys.argv[1:]]))
