"""Loss terms, one a file. `limbeck.objectives.SoftTargets` is the Spec in `soft_targets.py`."""

from limbeck.core.shelf import spec_classes

__getattr__ = spec_classes("objectives")
