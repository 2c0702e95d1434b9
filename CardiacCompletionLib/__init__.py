"""CardiacCompletion: a partial heart segmentation in, a whole heart out.

Layers, each importing only those before it:

1. ``errors``, ``resources``, ``geometry`` and ``anatomy``: millimetres, surfaces, and which structure is which
2. ``model``: the networks (imports torch)
3. ``files``: hearts on disk; ``completion``: the engine
4. ``command_line`` and ``mrml``: the ways in

``Training`` builds on all of this and is never imported from here; Qt is known only to the Slicer module.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from CardiacCompletionLib.completion.completer import HeartCompleter

__all__ = ["HeartCompleter"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name == "HeartCompleter":
        from CardiacCompletionLib.completion.completer import HeartCompleter

        return HeartCompleter
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
