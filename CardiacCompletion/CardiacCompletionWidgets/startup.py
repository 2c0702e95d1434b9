"""What this module adds to others, once they are there."""

from __future__ import annotations

import slicer

from CardiacCompletionLib.mrml.terminology_file import FILE_NAME
from CardiacCompletionLib.resources import resource_path
from CardiacCompletionWidgets.sample_data import registerSampleData


def addToOtherModules() -> None:
    """Give Sample Data its heart, and Terminologies our structures."""
    registerSampleData()
    slicer.modules.terminologies.logic().LoadTerminologyFromFile(str(resource_path("Terminology", FILE_NAME)))
