"""PhaseGuard in a Python trainer. See phaseguard.Session."""
import importlib

from ._native import lib as _lib
from .errors import InvalidDeclaration, NoDaemon, PhaseGuardError, Refused
from .measures import canary_digest, js_rows, sample_hash, wilson
from .session import Knob, Measured, Plan, Session, Setting, Signal, declaration

__version__ = _lib.phaseguard_version().decode()
__all__ = ["InvalidDeclaration", "Knob", "Measured", "NoDaemon", "PhaseGuardError", "Plan", "Refused", "Session", "Setting",
           "Signal", "canary_digest", "data", "declaration", "js_rows", "sample_hash", "wilson"]


def __getattr__(name):
    if name == "data":  # read when it is asked for: a training loop does without
        return importlib.import_module(".data", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
