"""What every part of Perfuscope may use: settings, study and prediction types, job names, errors, log."""

from importlib.metadata import PackageNotFoundError, version

MANUFACTURER = "Perfuscope"
MODEL_NAME = "Perfuscope MPI classifier"
DISCLAIMER = "AI result, unverified. Research use only, not for diagnosis."
TRAINED_ON = "Trained on simulated images; research use only, not for diagnosis."

SELF_TEST_AE = "PERFUSCOPE-TEST"
"""The AE title that ``perfuscope doctor`` sends its study by; taken from the node's own machine alone."""

try:
    __version__ = version("perfuscope")
except PackageNotFoundError:  # a source tree that was never installed
    __version__ = "0+source"
