"""What a start can end with. Nothing else raises: a run that goes on is not stopped by what watches it."""


class PhaseGuardError(RuntimeError):
    """Base class: says what was expected, what was found and what to do."""


class InvalidDeclaration(PhaseGuardError, ValueError):
    """A run, a knob or a signal is declared in a way that cannot be meant."""


class NoDaemon(PhaseGuardError):
    """No daemon answered in time, and the run must not begin unwatched."""


class Refused(PhaseGuardError):
    """The daemon refused this trainer: its policy asks for something else, or the run is another process's."""
