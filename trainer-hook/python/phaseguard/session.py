"""A training loop's end of PhaseGuard: declare, report, and read the knobs that are in force.

    with phaseguard.Session("my-run", signals=["train/loss"], knobs={"kl": (0.0, 4.0)}) as guard:
        for n in range(steps):
            plan = guard.begin_step(n)
            loss = cross_entropy + plan["kl"] * penalty
            ...
            guard.end_step(n + 1, {"train/loss": loss})
"""
import ctypes as c
import json
import math
import os
import warnings
import weakref
from typing import Callable, Dict, Iterable, Mapping, NamedTuple, Optional, Sequence, Tuple, Union

from . import _native
from ._native import lib
from .errors import InvalidDeclaration, NoDaemon, PhaseGuardError, Refused

NAN = math.nan
_LIVE: weakref.WeakValueDictionary = weakref.WeakValueDictionary()  # sessions of this process that are not finished, by run and endpoint


class Signal(NamedTuple):
    """A signal that the trainer sends. `unit`: "nats", "1", ... `min`, `max`: values outside are BAD. `every_steps`: how often
    it is measured; 0: no fixed cadence. `items`: "canary" or "sample" where each value has one number per canary or per
    sample. `join`: how parts of one step are joined: "mean", "max", "sum", "last". `noise_mean`, `noise_sd`, `noise_n`: what it shows of
    samples known to be clean, and of how many measurements; a policy's line may be "noise + 3 sd"."""
    unit: str = ""
    min: Optional[float] = None
    max: Optional[float] = None
    every_steps: int = 0
    items: str = ""
    join: str = ""
    variant: str = ""
    noise_mean: Optional[float] = None
    noise_sd: Optional[float] = None
    noise_n: Optional[int] = None

    def with_noise(self, clean: Sequence[float]) -> "Signal":
        """Declared with what it shows of samples known to be clean: `clean` has its value for each of two or more such batches, measured as
        the run will measure it. Mean and population sd. ValueError: fewer, or one that is no finite number."""
        values = [float(value) for value in clean]
        if len(values) < 2 or not all(map(math.isfinite, values)):
            raise ValueError(f"expected two or more finite measurements of clean samples, found {values[:8]}")
        mean = math.fsum(values) / len(values)
        sd = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / len(values))
        return self._replace(noise_mean=mean, noise_sd=sd, noise_n=len(values))


class Knob(NamedTuple):
    """What the daemon may move. `min`, `max`: its range; `initial`: in force before any decision. The words say what the value
    means (docs/PROTOCOL.md); a policy may ask for them. `protects`: "up" or "down". `lambda_star`: 2 / L of the data (a pre-flight says it); a
    policy's value may be "0.6 lambda_star"."""
    min: float
    max: float
    initial: float = 0.0
    unit: str = "1"
    site: str = ""
    direction: str = ""
    mask: str = ""
    normaliser: str = ""
    form: str = ""
    reference: str = ""
    per_sample: bool = False
    sites: Tuple[str, ...] = ()
    protects: str = ""
    forcible: bool = False
    lambda_star: Optional[float] = None


class Measured(NamedTuple):
    """A value with what it was made of: one item per canary or per sample, or certified bounds."""
    value: float
    items: Sequence[float] = ()
    lower: float = NAN
    upper: float = NAN
    missing: bool = False


Value = Union[float, Measured]


class Setting(NamedTuple):
    """One knob in force. `items`: its value per sample of the batch; empty: `value` for all."""
    value: float
    items: Tuple[float, ...]
    site: str
    cause: str
    decision: int


class Plan(NamedTuple):
    """What holds for one step: every micro-batch of it uses the same. `plan["kl"]` is the value of a knob."""
    step: int            # the step given, or after a rollback the one whose state holds now
    knobs: Dict[str, Setting]
    source: str          # "daemon", "guard" (no daemon answers), "hold", "initial"
    link: str            # "linked", "lost", ...
    shadow: bool         # the policy only records
    answered: bool       # the values are the answer to this very batch
    waited_s: float
    segment: int         # rollbacks of this process
    rolled_back: bool = False
    checkpoint: bool = False  # a checkpoint was asked for here
    pause: bool = False  # wait, then go on
    stop: bool = False   # end training

    def __getitem__(self, knob: str) -> float:  # type: ignore[override]
        return self.knobs[knob].value


def _keys(named: NamedTuple) -> dict:
    """The fields that say something; a number always does."""
    return {key: value for key, value in named._asdict().items()
            if value is not None and value is not False and value != "" and value != ()}


def _declared(given, kind) -> list:
    """[{name, ...}] of names, or of a mapping from names to `kind`, to tuples of its fields or to dicts of protocol keys."""
    if not isinstance(given, Mapping):
        given = {name: None for name in given}
    return [{"name": name, **_declared_one(name, what, kind)} for name, what in given.items()]


def _declared_one(name: str, what, kind) -> dict:
    if isinstance(what, Mapping):
        return dict(what)
    try:
        return _keys(what if isinstance(what, kind) else kind(*(what or ())))
    except TypeError as error:
        raise InvalidDeclaration(f"{kind.__name__.lower()} {name!r}: expected a {kind.__name__}, a tuple of its fields or a dict, "
                                 f"found {what!r} ({error})") from None


def declaration(*, signals: Union[Iterable[str], Mapping], knobs: Mapping, requests: Sequence[str] = (), total_steps: int = 0,
                start_step: int = 0, declare: Optional[Mapping] = None) -> dict:
    """What a Session of these arguments declares: the keys of a hello (docs/PROTOCOL.md). Written as JSON to a file it is what
    `phaseguard policy check --against FILE` reads. `requests`: which of rollback, checkpoint, stop, pause the trainer can do."""
    return {"hook_version": f"python {lib.phaseguard_version().decode()}", "total_steps": total_steps, "start_step": start_step,
            "signals": _declared(signals, Signal), "knobs": _declared(knobs, Knob), "requests": list(requests),
            "snapshots": "rollback" in requests, **(declare or {})}


def _json(hello: dict) -> bytes:
    try:
        return json.dumps(hello, allow_nan=False).encode()
    except (TypeError, ValueError) as error:
        raise InvalidDeclaration(f"declaration: expected numbers that are finite, words and lists, found something else ({error})") from None


def _raise(status: int) -> None:
    text = _native.last_error()
    if status == _native.INVALID:
        raise InvalidDeclaration(text)
    if status == _native.UNREACHABLE:
        raise NoDaemon(text)
    raise Refused(text) if status == _native.REFUSED else PhaseGuardError(text)


class Session:
    """One training process under PhaseGuard. Call it from the training thread alone; `link`, `refusal` and `stats` from any.

    run: name of the run. signals: names, or {name: Signal | dict}. knobs: {name: Knob | (min, max) | dict}.
    require: True: without a daemon within `wait` seconds the start raises NoDaemon; False: it goes on at the initial values and
    links when a daemon comes. rollback: called with the newest step whose state may be restored (-1: the oldest kept); restores
    it and returns its step. checkpoint: called with the step; writes one and returns a word about it. stop, pause: called with
    the reason; `plan.stop` and `plan.pause` say it too. What is not given is not declared, and the daemon does not ask for it.
    lineage: what `lineage()` gave with the checkpoint that this process goes on from. declare: further keys of a hello.

    Raises InvalidDeclaration, NoDaemon, Refused. After the start nothing here raises: what goes wrong is warned of once.
    """

    def __init__(self, run: str, *, signals: Union[Iterable[str], Mapping], knobs: Mapping, require: bool = True,
                 wait: float = 10.0, total_steps: int = 0, endpoint: Optional[str] = None, key: Optional[str] = None, profile: str = "watch",
                 attempt: int = 0, lineage: str = "", start_step: int = 0,
                 rollback: Optional[Callable[[int], int]] = None, checkpoint: Optional[Callable[[int], str]] = None,
                 stop: Optional[Callable[[str], None]] = None, pause: Optional[Callable[[str], None]] = None,
                 declare: Optional[Mapping] = None):
        if profile not in _native.PROFILES:
            raise InvalidDeclaration(f"profile: expected {' or '.join(_native.PROFILES)}, found {profile!r}")
        if (run, endpoint) in _LIVE:
            raise InvalidDeclaration(f"run {run!r} has a Session in this process already: use that one, finish() it first, or give another "
                                     "name")
        self._handle = c.c_void_p()
        self._warned = set()
        self._do = {"rollback": rollback, "checkpoint": checkpoint, "stop": stop, "pause": pause}
        requests = [name for name, action in self._do.items() if action is not None]
        hello = declaration(signals=signals, knobs=knobs, requests=requests, total_steps=total_steps, start_step=start_step, declare=declare)
        options = _native.Options()
        lib.phaseguard_options_init(c.byref(options), c.sizeof(options))
        options.run, options.attempt, options.lineage = run.encode(), attempt, lineage.encode() or None
        options.endpoint = endpoint.encode() if endpoint else None
        options.key_file = os.fsencode(key) if key else None
        options.on_start = _native.ON_START["require" if require else "proceed"]
        options.profile, options.start_wait_s = _native.PROFILES[profile], wait
        status = lib.phaseguard_start(c.byref(options), _json(hello), c.byref(self._handle))
        if status != _native.OK:
            _raise(status)
        self._key = (run, endpoint)
        _LIVE[self._key] = self
        self._places = {signal["name"]: place for place, signal in enumerate(hello["signals"])}
        self._plan = _native.Plan()
        initial = {knob["name"]: Setting(knob.get("initial", 0.0), (), "", "initial", 0) for knob in hello["knobs"]}
        self._last = Plan(start_step, initial, "initial", "off", False, False, 0.0, 0)
        self._room = 64
        self._indices, self._values = (c.c_int32 * self._room)(), (c.c_double * self._room)()

    # ---- one step

    def begin_step(self, step: int, batch: Optional[Mapping[str, Value]] = None, *, canary: Optional[Mapping[str, Value]] = None,
                   batch_id: int = 0, wait: float = 0.0) -> Plan:
        """What holds for the update after `step` completed ones. Requests of the daemon are done here, those of the answer included. `batch`, `canary`:
        what is known before the update, of the batch or of the model; with `wait` > 0 the decision about it is awaited for so
        many seconds and holds for this very update. Without an answer in time the local guard's values hold."""
        did = self._do_requests(step)
        step = did.pop("step", step)
        if canary:  # first, as the C++ hook does: what is decided about the batch knows of it, and has the last word
            self._report("canary", step, canary, wait=0.0 if batch else wait)
        if batch:
            self._report("batch", step, batch, batch_id=batch_id, wait=wait)
        if wait > 0:  # what the answer asks for belongs to this very boundary
            did.update(self._do_requests(step))
            step = did.pop("step", step)
        if lib.phaseguard_begin_step(self._handle, step, c.byref(self._plan)) != _native.OK:
            self._warn("a step after finish() is not watched; the last settings are given")
            return self._last._replace(step=step, link="off", answered=False)
        self._last = self._read_plan(step, did)
        return self._last

    def end_step(self, step: int, values: Optional[Mapping[str, float]] = None, *, canary: Optional[Mapping[str, Value]] = None,
                 batch: Optional[Mapping[str, Value]] = None) -> None:
        """Reports of a finished update; `step` = completed ones, this one included."""
        if values:
            self._send_values(step, values)
        for of, more in (("canary", canary), ("batch", batch)):
            if more:
                self._report(of, step, more)

    def part(self, step: int, k: int, n: int, values: Mapping[str, Value], *, weight: float = NAN, of: str = "batch") -> None:
        """Part k of n (from 1) of what is reported of `step`, as of one micro-batch. `weight`: its tokens or samples."""
        self._report(of, step, values, part=(k, n), weight=weight)

    # ---- the rest of a run

    def lineage(self, step: int) -> str:
        """To be stored with a checkpoint of `step`: `lineage` of the process that goes on from it."""
        return self._text(lambda *room: lib.phaseguard_lineage(self._handle, step, *room))

    @property
    def link(self) -> str:
        return lib.phaseguard_link_name(lib.phaseguard_link(self._handle)).decode()

    @property
    def refusal(self) -> str:
        """The last refusal of the daemon in words; "": none."""
        return self._text(lambda *room: lib.phaseguard_refusal(self._handle, *room))

    @property
    def stats(self) -> Dict[str, int]:
        stats = _native.Stats()
        if lib.phaseguard_get_stats(self._handle, c.byref(stats)) != _native.OK:
            return {}
        return {name: getattr(stats, name) for name, _ in stats._fields_[1:]}

    def finish(self, reason: str = "finished", flush: float = 5.0) -> None:
        """Says goodbye and waits at most `flush` seconds until all is recorded. Repeated: nothing."""
        handle, self._handle = self._handle, c.c_void_p()
        if _LIVE.get(self._key) is self:
            del _LIVE[self._key]
        lib.phaseguard_stop(handle, reason.encode(), flush)

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, kind, error, trace) -> None:
        interrupted = kind is not None and issubclass(kind, KeyboardInterrupt)
        self.finish("finished" if kind is None else "interrupted" if interrupted else "error")

    # ---- inside

    def _warn(self, what: str) -> None:
        if what not in self._warned:
            self._warned.add(what)
            warnings.warn(f"phaseguard: {what}", RuntimeWarning, stacklevel=4)

    def _read_plan(self, step: int, did: dict) -> Plan:
        plan, knobs = self._plan, {}
        one = _native.Knob()
        for place in range(plan.knob_count):
            lib.phaseguard_plan_knob(self._handle, place, c.byref(one))
            items = tuple(one.items[:one.item_count]) if one.item_count else ()
            knobs[one.name.decode()] = Setting(one.value, items, one.site.decode(), one.cause.decode(), one.decision)
        return Plan(step, knobs, _native.SOURCES[plan.source], lib.phaseguard_link_name(plan.link).decode(), bool(plan.shadow),
                    bool(plan.answered), plan.waited_s, plan.segment, **did)

    def _send_values(self, step: int, values: Mapping[str, float]) -> None:
        n = 0
        for name, value in values.items():
            place = self._places.get(name)
            if place is None:
                self._warn(f"signal {name!r} was not declared; its values are not sent")
                continue
            if n == self._room:
                lib.phaseguard_values(self._handle, step, self._indices, self._values, n)
                n = 0
            self._indices[n], self._values[n] = place, self._number(name, value)
            n += 1
        if lib.phaseguard_values(self._handle, step, self._indices, self._values, n) == _native.INVALID:
            self._warn("a report after finish() goes nowhere")

    def _number(self, name: str, value) -> float:
        """What is no number is told of, and BAD for the policy."""
        try:
            return float(value)
        except Exception as error:  # whatever a user's own type raises: training goes on
            self._warn(f"{name}: expected a number, found {value!r} ({error})")
            return NAN

    def _sample(self, name: str, value: Value, kept: list) -> _native.Sample:
        measured = value if isinstance(value, Measured) else Measured(value)
        sample = _native.Sample(signal=name.encode(), value=self._number(name, measured.value), missing=int(measured.missing),
                                lower=self._number(name, measured.lower), upper=self._number(name, measured.upper))
        if len(measured.items):
            items = (c.c_double * len(measured.items))(*(self._number(name, item) for item in measured.items))
            kept.append(items)
            sample.items, sample.item_count = c.cast(items, c.POINTER(c.c_double)), len(items)
        return sample

    def _report(self, of: str, step: int, values: Mapping[str, Value], batch_id: int = 0, part: Tuple[int, int] = (0, 0),
                weight: float = NAN, wait: float = 0.0) -> None:
        kept: list = []  # the arrays that the samples point to
        samples = [self._sample(name, value, kept) for name, value in values.items()]
        array = (_native.Sample * len(samples))(*samples)
        report = _native.Report(samples=array, sample_count=len(samples), of=_native.OF[of], batch=batch_id, part=part[0],
                                parts=part[1], weight=weight)
        if wait > 0:
            status = lib.phaseguard_decide(self._handle, step, c.byref(report), wait)
        else:
            status = lib.phaseguard_send(self._handle, step, c.byref(report))
        if status < 0:
            self._warn(f"a report was not taken: {_native.last_error()}")

    def _do_requests(self, step: int) -> dict:
        did: dict = {}
        request = _native.Request()
        while lib.phaseguard_next_request(self._handle, c.byref(request)) == _native.OK:
            known = 0 <= request.type < len(_native.REQUESTS)
            name = _native.REQUESTS[request.type] if known else ""
            outcome, detail, restored = self._do_one(name, did.get("step", step), request, did)
            lib.phaseguard_outcome(self._handle, request.id, outcome, detail.encode(), restored)
        return did

    def _do_one(self, name: str, step: int, request: _native.Request, did: dict) -> Tuple[int, str, int]:
        action = self._do.get(name)
        if action is None:
            return _native.REFUSED_REQUEST, f"this trainer does no {name or 'such request'}", -1
        try:
            if name == "rollback":
                restored = int(action(request.before_step))
                did.update(step=restored, rolled_back=True)
                return _native.DONE, f"restored the state of step {restored}", restored
            if name == "checkpoint":
                said = str(action(step) or f"written at step {step}")
                did[name] = True
                return _native.DONE, said, -1
            action((request.reason or b"").decode(errors="replace"))
            did[name] = True
            return _native.DONE, f"handed to the trainer at step {step}", -1
        except Exception as error:  # the user's own code: the daemon is told, and training goes on
            self._warn(f"{name} failed: {error!r}")
            return _native.NOT_DONE, repr(error), -1

    def _text(self, call) -> str:
        needed = c.c_size_t()
        if call(None, 0, c.byref(needed)) != _native.OK:
            return ""
        room = c.create_string_buffer(needed.value)
        call(room, len(room), c.byref(needed))
        return room.value.decode(errors="replace")
