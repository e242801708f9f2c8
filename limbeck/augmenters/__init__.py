"""Ways to write texts anew, one a file. `limbeck.augmenters.Neighbours` is the Spec in `neighbours.py`."""

from limbeck.core.shelf import spec_classes

__getattr__ = spec_classes("augmenters")
