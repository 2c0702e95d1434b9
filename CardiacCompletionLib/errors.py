"""The one exception a user is meant to read.

Its sentences are English whatever language Slicer speaks. They are made where the trouble is found, often in a process
without Qt, with names and numbers in them; Slicer translates literals that stand in ``_()`` in a module's own files. A
second copy of every sentence there would go out of step with the first, and the panel, the log, the command line and
the README's troubleshooting would no longer say the same words. What the panel itself says is translated.
"""


class CompletionError(Exception):
    """Something the user can understand and mend: its text is one plain sentence that says what to do.

    Raised once, where the trouble is found; shown once, by the command line or the Slicer panel.
    """


class CompletionCancelled(CompletionError):
    """The user stopped the work; nothing was changed."""

    def __init__(self) -> None:
        super().__init__("The completion was cancelled; nothing was changed.")
