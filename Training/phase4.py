"""Phase 4, real partial labels: fine-tuning on cases where only some structures were ever labelled.

The same as ``python -m Training fit --phase 4``.
"""

import sys

from Training.__main__ import main

if __name__ == "__main__":
    sys.exit(main(["fit", "--phase", "4", *sys.argv[1:]]))
