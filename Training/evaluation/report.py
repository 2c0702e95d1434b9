"""How results are written: goals beside what was reached, and a file with one section a phase."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from CardiacCompletionLib.model.weights import TrainedModel


@dataclass(frozen=True)
class Goal:
    """What a phase must show, and what it does; more is better."""

    what: str
    value: float
    least: float

    @property
    def met(self) -> bool:
        return self.value >= self.least


def goal_table(goals: Sequence[Goal]) -> str:
    """Markdown: each goal, what was reached, and whether that is enough."""
    lines = ["| goal | reached | at least | met |", "|---|---|---|---|"]
    lines += [f"| {g.what} | {g.value:.3f} | {g.least:g} | {'yes' if g.met else 'no'} |" for g in goals]
    return "\n".join(lines) + "\n"


def origin(name: str, model: TrainedModel) -> str:
    """A sentence on what weights are: how they were trained, and from which commit they were written."""
    recipe = model.card["recipe"]
    return (
        f"{name}: phase {recipe['phase']}, preset {recipe['preset']}, {recipe['steps_done']} steps on "
        f"{recipe['hearts']} hearts ({', '.join(recipe['data_sets'])}), seed {recipe['seed']}, commit "
        f"{model.card['commit'][:7]}."
    )


def write_section(path: Path, text: str) -> None:
    """Put a section, which begins with a first-level heading, into a file; one of the same heading is replaced.

    The heading's words before a colon name the section.
    """
    content = path.read_text(encoding="utf-8") if path.exists() else ""
    sections = {_name(part): part.strip() for part in re.split(r"(?m)^(?=# )", content) if part.strip()}
    sections[_name(text)] = text.strip()
    path.write_text("\n\n".join(sections[name] for name in sorted(sections)) + "\n", encoding="utf-8")


def _name(section: str) -> str:
    return section.strip().splitlines()[0].split(":")[0]
