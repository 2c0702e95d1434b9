"""The one exception a user is meant to read, and what lacks memory turned into it.

Its sentences are English whatever language Slicer speaks. They are made where the trouble is found, often in a process
without Qt, with names and numbers in them; Slicer translates literals that stand in ``_()`` in a module's own files. A
second copy of every sentence there would go out of step with the first, and the panel, the log, the command line and
the README's troubleshooting would no longer say the same words. What the panel itself says is translated.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

# On the processor PyTorch raises a plain RuntimeError, on a graphics card a RuntimeError of several classes.
_OF_MEMORY = ("out of memory", "DefaultCPUAllocator", "allocate memory", "not enough memory", "STATUS_ALLOC_FAILED")


class CompletionError(Exception):
    """Something the user can understand and mend: its text is one plain sentence that says what to do.

    Raised once, where the trouble is found; shown once, by the command line or the Slicer panel.
    """


class CompletionCancelled(CompletionError):
    """The user stopped the work; nothing was changed."""

    def __init__(self) -> None:
        super().__init__("The completion was cancelled; nothing was changed.")


def lacks_memory(error: Exception) -> bool:
    """Whether numpy or PyTorch raised this because memory does not suffice, the computer's or the graphics card's."""
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and any(words in str(error) for words in _OF_MEMORY)
    )


@contextmanager
def lack_of_memory_explained() -> Iterator[None]:
    """Where work begins: what :func:`lacks_memory` within comes out as a sentence, every other error as it is.

    Raises:
        CompletionError: if memory does not suffice.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not lacks_memory(error):
            raise
        raise CompletionError(
            "There is not enough memory for this completion: choose a coarser spacing, fewer plausible hearts, or the "
            "device cpu in place of a graphics card."
        ) from error
