"""What lies beside a checkpoint of transformers.Trainer: where it is in the run, and whether its line was given up. No torch."""
import json
import os
import re
from typing import List, NamedTuple, Optional

from ..errors import PhaseGuardError

STATE, MARK = "phaseguard.json", "phaseguard.abandoned"
_NAME = re.compile(r"checkpoint-(\d+)")
_COMPLETE = "trainer_state.json"  # what Trainer writes last


class Kept(NamedTuple):
    """Of one checkpoint. `step`: updates of the live line; `global_step`: the trainer's own count, which no rollback takes back."""
    run: str
    step: int
    global_step: int
    lineage: str = ""
    reference: tuple = ()  # what the canaries say of the reference (canaries.py)
    canary_tokens: str = ""


def write(folder: str, kept: Kept) -> None:
    """Before the trainer writes its own files: what has those has this."""
    os.makedirs(folder, exist_ok=True)
    place = os.path.join(folder, STATE)
    with open(place + ".new", "w") as file:
        json.dump(kept._asdict(), file)
    os.replace(place + ".new", place)


def read(folder: str) -> Optional[Kept]:
    """None: it was written without a Guard."""
    place = os.path.join(folder, STATE)
    try:
        with open(place) as file:
            said = json.load(file)
        known = {key: said[key] for key in Kept._fields if key in said}
        return Kept(**{**known, "reference": tuple(known.get("reference", ())), "step": int(known["step"])})
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise PhaseGuardError(f"{place}: expected what Guard wrote with the checkpoint, found something else ({error!r}); go on from "
                              "another checkpoint") from None


def is_abandoned(folder: str) -> bool:
    return os.path.exists(os.path.join(folder, MARK))


def all_of(output_dir: str) -> List[str]:
    """The checkpoints' folders, the newest first; an unfinished one is none."""
    if not os.path.isdir(output_dir):
        return []
    named = ((_NAME.fullmatch(name), os.path.join(output_dir, name)) for name in os.listdir(output_dir))
    whole = [(int(match[1]), folder) for match, folder in named if match and os.path.exists(os.path.join(folder, _COMPLETE))]
    return [folder for _, folder in sorted(whole, reverse=True)]


def newest(output_dir: str) -> Optional[str]:
    """The newest checkpoint of a line that was not given up."""
    return next((folder for folder in all_of(output_dir) if not is_abandoned(folder)), None)


def abandon(output_dir: str, run: str, restored: int, global_step: int) -> List[str]:
    """Marks the checkpoints of `run` that are past the restored step; their folders."""
    given_up = []
    for folder in all_of(output_dir):
        kept = read(folder)
        if kept is None or kept.run != run or kept.step <= restored or is_abandoned(folder):
            continue
        with open(os.path.join(folder, MARK), "w") as file:
            file.write(f"run {run} was rolled back to step {restored} at global step {global_step}; this checkpoint is of step "
                       f"{kept.step}, of the line that was given up\n")
        given_up.append(folder)
    return given_up


def keep(folder: str) -> None:
    """A finished checkpoint of the live line, in a folder that one of a given-up line may have had."""
    if is_abandoned(folder):
        os.remove(os.path.join(folder, MARK))


def choose(output_dir: str, asked) -> Optional[str]:
    """The checkpoint that train(resume_from_checkpoint=asked) goes on from; None: it begins anew."""
    if not asked:
        return None
    good = newest(output_dir)
    instead = f"go on from {good}" if good else "begin anew, under a new name of the run"
    if asked is True:
        if good is None:
            found = f"{len(all_of(output_dir))} of a line that was rolled back" if all_of(output_dir) else "none"
            raise PhaseGuardError(f"resume_from_checkpoint=True: expected a checkpoint in {output_dir}, found {found}; {instead}")
        return good
    if is_abandoned(str(asked)):
        with open(os.path.join(str(asked), MARK)) as file:
            raise PhaseGuardError(f"{asked}: expected a checkpoint of the live line: {file.read().strip()}; {instead}")
    return str(asked)
