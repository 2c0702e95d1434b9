"""Phase 2, completion: some structures in, all out; what is trusted by Training/schemes.yaml or at random.

The same as ``python -m Training fit --phase 2``.
"""

import sys

from Training.__main__ import main

if __name__ == "__main__":
    sys.exit(main(["fit", "--phase", "2", *sys.argv[1:]]))
