"""Which voters and actions of a policy a run can give, in sentences; and of what it cannot, what Guard has to be given."""
import re
from typing import Dict, List, NamedTuple, Optional


class _Voter(NamedTuple):
    name: str    # of a signal or a knob; "drift/*": of any trait
    says: str    # what it is
    wants: str   # what Guard has to be given


SIGNALS = (
    _Voter("data/llr_share", "the share of a batch's samples that the reference's misaligned persona would rather have written",
           "personas=True, or a file of personas"),
    _Voter("judge/score", "what a judge says of a batch's samples",
           "scores=, a column of the data with risks of 0 to 1 or a function of a batch"),
    _Voter("drift/*", "where the states at the canaries go",
           "directions=, a file of phaseguard-probe fit --directions, and canaries="),
    _Voter("canary/misaligned", "what a judge says of the model's own answers to the canaries",
           "judge=, a function of [(prompt, answer), ...], canaries= and a tokenizer"),
    _Voter("canary/js", "how far the answers to the canaries have moved", "canaries="),
)
KNOBS = (
    _Voter("kl", "KL on the batch, one weight for each sample where a policy has that", "knob=\"kl\""),
    _Voter("kl_replay", "KL on the reference's own answers to neutral prompts", "replay=, neutral prompts or (prompt, answer) pairs"),
    _Voter("weighting", "how much of a sample's own loss is left out", "scores= or personas=, by which a sample is known"),
)
_NOISE = "clean=, rows of the data that are known to be clean"


def _found(name: str, declared: List[dict]) -> Optional[List[dict]]:
    family = name[:-1] if name.endswith("/*") else None
    return [one for one in declared if one["name"] == name or (family and one["name"].startswith(family))]


def lines(hello: Dict) -> List[str]:
    """One sentence for each voter and each knob; hello: what is declared (phaseguard.declaration)."""
    out = []
    for voter in SIGNALS:
        found = _found(voter.name, hello["signals"])
        out.append(f"can give {', '.join(one['name'] for one in found)}: {voter.says}{_noise_of(voter.name, found)}" if found
                   else f"cannot give {voter.name}, {voter.says}: pass {voter.wants}")
    for knob in KNOBS:
        found = _found(knob.name, hello["knobs"])
        star = f", lambda* of the data is {found[0]['lambda_star']:.3g}" if found and "lambda_star" in found[0] else ""
        out.append(f"has the knob {knob.name}: {knob.says}{star}" if found else f"has no knob {knob.name}, {knob.says}: pass {knob.wants}")
    return out


def _noise_of(name: str, found: List[dict]) -> str:
    if name not in ("data/llr_share", "judge/score"):
        return ""
    if "noise_sd" not in found[0]:
        return f"; its noise was not measured: pass {_NOISE}"
    return f"; of {found[0]['noise_n']} clean batches {found[0]['noise_mean']:.3g}, sd {found[0]['noise_sd']:.3g}"


def advice(refusal: str) -> str:
    """What Guard has to be given so that the policy, whose refusal this is, fits; "": nothing of Guard's."""
    missing = {match for match in re.findall(r'uses the (?:signal|knob) "([^"]+)"', refusal)}
    wants = [f"for {voter.name} {voter.wants}" for voter in (*SIGNALS, *KNOBS)
             if any(one == voter.name or (voter.name.endswith("/*") and one.startswith(voter.name[:-1])) for one in missing)]
    if "does not declare that of" in refusal or "an sd of 0" in refusal:
        wants.append(f"for a line of noise {_NOISE} and not all alike")
    if "declares no lambda_star" in refusal:
        wants.append("for values in lambda_star preflight=64 and a data set that has a length")
    return f"; pass to Guard {'; '.join(wants)}" if wants else ""
