"""The one exception a user is meant to read."""


class CompletionError(Exception):
    """Something the user can understand and mend: its text is one plain sentence that says what to do.

    Raised once, where the trouble is found; shown once, by the command line or the Slicer panel.
    """


class CompletionCancelled(CompletionError):
    """The user stopped the work; nothing was changed."""

    def __init__(self) -> None:
        super().__init__("The completion was cancelled; nothing was changed.")
