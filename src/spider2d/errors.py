"""Errors that are meant for the user: they say what was found, what is needed and what to do next."""


class Spider2dError(Exception):
    """Base of every error whose message is written for the user (shown without a traceback)."""


class VolumeError(Spider2dError):
    """An image or mask file cannot be read, written or used as a sagittal volume."""


class DatasetError(Spider2dError):
    """A data set folder, one of its tables, or a slices folder is missing, incomplete or contradictory."""


class ConfigError(Spider2dError):
    """A configuration file or a ``--set`` override holds an unknown key or an invalid value."""


class CheckpointError(Spider2dError):
    """A checkpoint is missing, truncated, of another version, or not a checkpoint."""


class MissingPackageError(Spider2dError):
    """An optional package that the wanted method needs is not installed."""


class OutputError(Spider2dError):
    """A folder or file that results go to cannot be written."""


class ScoreError(Spider2dError):
    """A reference and a prediction cannot be compared."""


class ComparisonError(Spider2dError):
    """Scored runs are damaged, or were not scored on the same cases and references."""


class NoPicturesError(ComparisonError):
    """Pictures of cases cannot be drawn; a comparison says so in their place and holds all the rest."""
