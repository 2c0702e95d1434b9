"""A bench that runs the Slicer side of this project without the Slicer application.

The MRML scene, the module logics, the storage nodes and the views are Slicer's own (from the ``slicer-core`` wheel);
only what lives in Slicer's C++ application, its Qt widgets and its Python base classes is stood in for here.
"""
