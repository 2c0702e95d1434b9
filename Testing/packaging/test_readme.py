"""What the README says is so: messages stand in the code word for word, pictures and names are there."""

from __future__ import annotations

import ast
import re
from functools import cache

import pytest

from Testing.packaging.cmake_lists import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
GAP = "..."


@cache
def sentences() -> list[str]:
    """Every text in the code but docstrings, with a gap where a value comes."""
    files = [path for room in ("CardiacCompletion", "CardiacCompletionLib") for path in (ROOT / room).rglob("*.py")]
    nodes = [node for path in files for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))]
    docstrings = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    texts = [node for node in nodes if isinstance(node, ast.Constant | ast.JoinedStr) and id(node) not in docstrings]
    return [_text(node) for node in texts]


def _text(node: ast.AST) -> str:
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part) for part in node.values)
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return re.sub(r"\{\w+\}", GAP, node.value)
    return GAP


def messages() -> list[str]:
    """First column of the table of messages; several to a row are separated by ` / `."""
    table = README.partition("### Troubleshooting, by message")[2].partition("\n## ")[0]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| ")][1:]
    return [message.strip() for row in rows for message in row.split(" / ")]


def test_there_are_messages() -> None:
    assert len(messages()) > 10


@pytest.mark.parametrize("message", messages())
def test_a_message_stands_in_the_code_word_for_word(message: str) -> None:
    pattern = ".*".join(re.escape(part.strip()) for part in message.split(GAP))
    assert any(re.search(pattern, sentence) for sentence in sentences()), message


def test_the_pictures_are_there() -> None:
    pictures = re.findall(r"!\[[^\]]*\]\(([^)]+)\)", README)
    assert len(pictures) > 5
    for picture in pictures:
        assert (ROOT / picture).is_file(), picture


def test_arguments_of_the_logic_are_explained() -> None:
    module = ast.parse((ROOT / "CardiacCompletion" / "CardiacCompletion.py").read_text(encoding="utf-8"))
    logic = next(node for node in ast.walk(module) if getattr(node, "name", "") == "CardiacCompletionLogic")
    complete = next(node for node in logic.body if getattr(node, "name", "") == "complete")
    console = README.partition("### In Slicer's Python console")[2].partition("\n### ")[0]
    for argument in complete.args.args[1:]:
        assert f"`{argument.arg}" in console, f"{argument.arg} is not explained"
