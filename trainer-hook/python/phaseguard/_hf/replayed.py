"""The answers that the knob kl_replay holds a run to: as the user gives them, or sampled from the reference."""
from typing import Callable, List, Optional, Sequence, Tuple

from . import canaries as canary_sets
from .model_signals import ends_of
from .. import data
from ..errors import InvalidDeclaration, PhaseGuardError
from ..torch import Replay, sample_answers


def make(given: Sequence, trainer, reference, tokenizer, encode: Optional[Callable], *, batch: int, tokens: int) -> Replay:
    """given: prompts, or (prompt, answer) pairs, as texts. A prompt is rendered as a canary is; an answer to a prompt alone is sampled from
    the reference at temperature 1. Raises InvalidDeclaration."""
    pairs = [_pair(place, one) for place, one in enumerate(given)]
    if not pairs:
        raise InvalidDeclaration("replay: expected at least one neutral prompt, found none")
    if tokenizer is None and encode is None:
        raise InvalidDeclaration("replay: expected a tokenizer to render prompts with, found none; give tokenizer= to Guard or "
                                 "processing_class= to the trainer, or encode= (text -> token ids)")
    ends = ends_of(tokenizer)
    prompts = [canary_sets.tokens_of(data.Canary(f"replay {place}", (("user", prompt),)), tokenizer, encode)
               for place, (prompt, _) in enumerate(pairs)]
    answers = [None if answer is None else _answer(answer, tokenizer, encode) + ends[:1] for _, answer in pairs]
    open_ = [place for place, answer in enumerate(answers) if answer is None]
    try:
        with trainer.accelerator.autocast(), reference.on() as model:
            sampled = sample_answers(model, [prompts[place] for place in open_], tokens=tokens, ends=ends, seed=trainer.args.seed,
                                     device=trainer.args.device) if open_ else []
    except Exception as error:  # of a reference that is a function, or of memory
        raise PhaseGuardError(f"replay: the reference could not answer the prompts ({error!r}); give (prompt, answer) pairs, or a "
                              "reference that is a model") from error
    for place, answer in zip(open_, sampled):
        answers[place] = answer
    return Replay(list(zip(prompts, answers)), batch=batch, seed=trainer.args.seed)


def _pair(place: int, one) -> Tuple[str, Optional[str]]:
    if isinstance(one, str):
        return one, None
    if isinstance(one, (tuple, list)) and len(one) == 2 and all(isinstance(text, str) and text for text in one):
        return one[0], one[1]
    raise InvalidDeclaration(f"replay: expected prompts, or (prompt, answer) pairs of texts, found {str(one)[:80]!r} at place {place}")


def _answer(text: str, tokenizer, encode: Optional[Callable]) -> List[int]:
    found = encode(text) if encode is not None else tokenizer(text, add_special_tokens=False)["input_ids"]
    return [int(token) for token in found]
