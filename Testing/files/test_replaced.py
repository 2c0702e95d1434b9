"""A file is there whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from CardiacCompletionLib.files.replaced import replaced


def test_a_file_is_replaced_by_one_of_the_same_ending(tmp_path: Path) -> None:
    path = tmp_path / "heart.nii.gz"
    path.write_text("before")
    with replaced(path) as partial:
        assert partial.name == path.name
        partial.write_text("after")
        assert path.read_text() == "before"
        assert list(tmp_path.glob("*.nii.gz")) == [path]
    assert path.read_text() == "after"
    assert list(tmp_path.iterdir()) == [path]


def test_an_error_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "heart.nii.gz"
    path.write_text("before")

    def write_half() -> None:
        with replaced(path) as partial:
            partial.write_text("half")
            raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        write_half()
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]
