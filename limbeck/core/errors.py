"""The errors a user can mend. Each message names the place, what was found, what is allowed and what to do."""


class LimbeckError(Exception):
    """Root of every error that is shown without a traceback; `exit_code` is what the command returns."""

    exit_code = 2


class RecipeError(LimbeckError):
    """A recipe, a flag or a field is wrong."""


class BundleError(LimbeckError):
    """A model directory is missing, damaged, unsafe or of the wrong kind."""


class DataError(LimbeckError):
    """The user's rows cannot be used as they are."""


class ShelfError(LimbeckError):
    """A shelf holds no such algorithm, or an extra that it needs is not installed."""


class TrainingError(LimbeckError):
    """A training cannot go on: its loss is no number, or memory is short; exit code 3. What was saved stays."""

    exit_code = 3


class GateError(LimbeckError):
    """A model failed a check that guards what is shipped; exit code 4 tells this apart from wrong input."""

    exit_code = 4
