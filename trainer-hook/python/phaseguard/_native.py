"""libphaseguard.so.0 by ctypes: the structs and functions of phaseguard.h, and nothing else."""
import ctypes as c
import os

ABI = 0
OK, NONE, DROPPED = 0, 1, 2
INVALID, UNREACHABLE, REFUSED, FAILED = -1, -2, -3, -4
ON_START = {"proceed": 0, "wait": 1, "require": 2}
PROFILES = {"watch": 0, "enforce": 1}
OF = {"step": 0, "canary": 1, "batch": 2}
SOURCES = ("daemon", "guard", "hold", "initial")
REQUESTS = ("checkpoint", "rollback", "pause", "stop")
DONE, NOT_DONE, REFUSED_REQUEST = 0, 1, 2
DTYPES = {"float32": 0, "bfloat16": 1, "float16": 2}


class Sized(c.Structure):
    """A struct that begins with its size, which is set here."""

    def __init__(self, **fields):
        super().__init__(size=c.sizeof(type(self)), **fields)


class Options(Sized):
    _fields_ = [("size", c.c_size_t), ("run", c.c_char_p), ("attempt", c.c_int64), ("lineage", c.c_char_p),
                ("endpoint", c.c_char_p), ("knob", c.c_char_p), ("on_start", c.c_int32), ("profile", c.c_int32),
                ("start_wait_s", c.c_double), ("journal_bytes", c.c_uint64),
                ("key_file", c.c_char_p)]


class Sample(Sized):
    _fields_ = [("size", c.c_size_t), ("signal", c.c_char_p), ("value", c.c_double), ("missing", c.c_int32),
                ("items", c.POINTER(c.c_double)), ("item_count", c.c_size_t), ("lower", c.c_double), ("upper", c.c_double)]


class Report(Sized):
    _fields_ = [("size", c.c_size_t), ("samples", c.POINTER(Sample)), ("sample_count", c.c_size_t), ("of", c.c_int32),
                ("reserved", c.c_int32), ("batch", c.c_int64), ("part", c.c_int64), ("parts", c.c_int64),
                ("weight", c.c_double)]


class Plan(Sized):
    _fields_ = [("size", c.c_size_t), ("step", c.c_int64), ("value", c.c_double), ("items", c.POINTER(c.c_double)),
                ("item_count", c.c_size_t), ("site", c.c_char_p), ("cause", c.c_char_p), ("decision", c.c_int64),
                ("state_version", c.c_int64), ("segment", c.c_int64), ("source", c.c_int32), ("link", c.c_int32),
                ("shadow", c.c_int32), ("answered", c.c_int32), ("waited_s", c.c_double), ("knob_count", c.c_size_t)]


class Knob(Sized):
    _fields_ = [("size", c.c_size_t), ("name", c.c_char_p), ("value", c.c_double), ("items", c.POINTER(c.c_double)),
                ("item_count", c.c_size_t), ("site", c.c_char_p), ("cause", c.c_char_p), ("decision", c.c_int64)]


class Request(Sized):
    _fields_ = [("size", c.c_size_t), ("id", c.c_int64), ("before_step", c.c_int64), ("decision", c.c_int64),
                ("type", c.c_int32), ("reserved", c.c_int32), ("reason", c.c_char_p)]


class Stats(Sized):
    _fields_ = [("size", c.c_size_t)] + [(name, c.c_int64) for name in (
        "reports", "dropped", "acknowledged", "journaled", "controls", "losses", "guard_decisions", "errors")]


_FUNCTIONS = {
    "phaseguard_abi": (c.c_uint32, []),
    "phaseguard_version": (c.c_char_p, []),
    "phaseguard_last_error": (c.c_char_p, []),
    "phaseguard_options_init": (None, [c.POINTER(Options), c.c_size_t]),
    "phaseguard_start": (c.c_int, [c.POINTER(Options), c.c_char_p, c.POINTER(c.c_void_p)]),
    "phaseguard_signal": (c.c_int, [c.c_void_p, c.c_char_p]),
    "phaseguard_values": (c.c_int, [c.c_void_p, c.c_int64, c.POINTER(c.c_int32), c.POINTER(c.c_double), c.c_size_t]),
    "phaseguard_send": (c.c_int, [c.c_void_p, c.c_int64, c.POINTER(Report)]),
    "phaseguard_decide": (c.c_int, [c.c_void_p, c.c_int64, c.POINTER(Report), c.c_double]),
    "phaseguard_next_request": (c.c_int, [c.c_void_p, c.POINTER(Request)]),
    "phaseguard_outcome": (c.c_int, [c.c_void_p, c.c_int64, c.c_int32, c.c_char_p, c.c_int64]),
    "phaseguard_begin_step": (c.c_int, [c.c_void_p, c.c_int64, c.POINTER(Plan)]),
    "phaseguard_plan_knob": (c.c_int, [c.c_void_p, c.c_size_t, c.POINTER(Knob)]),
    "phaseguard_lineage": (c.c_int, [c.c_void_p, c.c_int64, c.c_char_p, c.c_size_t, c.POINTER(c.c_size_t)]),
    "phaseguard_link": (c.c_int, [c.c_void_p]),
    "phaseguard_link_name": (c.c_char_p, [c.c_int]),
    "phaseguard_refusal": (c.c_int, [c.c_void_p, c.c_char_p, c.c_size_t, c.POINTER(c.c_size_t)]),
    "phaseguard_get_stats": (c.c_int, [c.c_void_p, c.POINTER(Stats)]),
    "phaseguard_stop": (None, [c.c_void_p, c.c_char_p, c.c_double]),
    "phaseguard_js_rows": (c.c_int, [c.c_void_p, c.c_void_p, c.c_int32, c.c_size_t, c.c_size_t, c.POINTER(c.c_double)]),
    "phaseguard_margin": (c.c_int, [c.POINTER(c.c_double)] * 4 + [c.c_size_t] + [c.POINTER(c.c_double)] * 2),
    "phaseguard_persona_llr": (c.c_int, [c.POINTER(c.c_double), c.c_size_t] * 2 + [c.c_size_t] + [c.POINTER(c.c_double)] * 2),
    "phaseguard_drift": (c.c_int, [c.c_void_p] * 3 + [c.c_size_t] * 2 + [c.POINTER(c.c_double)] * 2),
    "phaseguard_canary_digest": (c.c_int, [c.c_char_p, c.c_char_p]),
    "phaseguard_sample_hash": (c.c_int, [c.c_char_p, c.c_char_p, c.c_char_p]),
    "phaseguard_wilson": (c.c_int, [c.c_int64, c.c_int64, c.c_double, c.POINTER(c.c_double), c.POINTER(c.c_double)]),
}
_NAME = "libphaseguard.so.0"


def _candidates():
    """Where the library may be: as the user says, beside this file as a wheel has it, where the system looks."""
    named = os.environ.get("PHASEGUARD_LIBRARY")
    if named:
        return [named]
    return [os.path.join(os.path.dirname(os.path.abspath(__file__)), _NAME), _NAME]


def _load():
    tried = []
    for name in _candidates():
        try:
            library = c.CDLL(name)
            break
        except OSError as error:
            tried.append(str(error))
    else:
        raise ImportError(f"phaseguard: expected {_NAME}, found none ({'; '.join(tried)}); install the wheel or the package "
                          "libphaseguard, or set PHASEGUARD_LIBRARY to the file")
    for name, (result, arguments) in _FUNCTIONS.items():
        function = getattr(library, name, None)
        if function is None:
            raise ImportError(f"phaseguard: {library._name} has no {name}: expected {_NAME} of ABI {ABI}; is PHASEGUARD_LIBRARY "
                              "the right file, and of the same version?")
        function.restype, function.argtypes = result, arguments
    if library.phaseguard_abi() != ABI:
        raise ImportError(f"phaseguard: expected a library of ABI {ABI}, found {library.phaseguard_abi()} in "
                          f"{library._name}; install the Python package and the library of one version")
    return library


lib = _load()


def last_error():
    return lib.phaseguard_last_error().decode(errors="replace")
