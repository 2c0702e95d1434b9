"""``python -m CardiacCompletionLib`` is the ``cardiac-completion`` command."""

import sys

from CardiacCompletionLib.command_line.main import main

if __name__ == "__main__":
    sys.exit(main())
