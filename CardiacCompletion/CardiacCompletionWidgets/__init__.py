"""The parts of the panel, and what else of the module needs Qt or the Slicer application."""
