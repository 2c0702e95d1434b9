"""What the CMake lists carry into the package, and what they should: ``python -m Testing.packaging.cmake_lists``."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
LISTS = {
    "LIBRARY_SCRIPTS": ("CMakeLists.txt", "CardiacCompletionLib", r"\.py$"),
    "LIBRARY_RESOURCES": ("CMakeLists.txt", "Resources", r"^(?!Resources/Weights/.*\.png$).*(?<!\.md)$"),  # no reports
    "MODULE_PYTHON_SCRIPTS": ("CardiacCompletion/CMakeLists.txt", "CardiacCompletion", r"\.py$"),
    "MODULE_PYTHON_RESOURCES": ("CardiacCompletion/CMakeLists.txt", "CardiacCompletion/Resources", r""),
}


def listed(name: str) -> list[str]:
    """Entries of a CMake list, relative to the folder of its file."""
    text = (ROOT / LISTS[name][0]).read_text(encoding="utf-8")
    return re.search(rf"set\({name}\s(.*?)\)", text, re.DOTALL)[1].split()


def wanted(name: str) -> list[str]:
    """The entries it should have: files of the project (not ignored by git), relative to the folder of the list."""
    file, folder, pattern = LISTS[name]
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", folder]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    base = Path(file).parent
    found = [path for path in answer.splitlines() if re.search(pattern, path) and (ROOT / path).is_file()]
    return sorted(Path(path).relative_to(base).as_posix() for path in found)


def write(name: str) -> None:
    """Make a list what it should be."""
    path = ROOT / LISTS[name][0]
    lines = "".join(f"  {entry}\n" for entry in wanted(name))
    text = re.sub(rf"set\({name}\s.*?\)", f"set({name}\n{lines}  )", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    path.write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    for each in LISTS:
        write(each)
