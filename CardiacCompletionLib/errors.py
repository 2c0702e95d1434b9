"""The one exception a user is meant to read."""


class CompletionError(Exception):
    """Something the user can understand and mend: its text is one plain sentence that says what to do.

    Raised once, where the trouble is found; shown once, by the command line or the Slicer panel.
    """
