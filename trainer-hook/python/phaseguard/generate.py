"""Answers sampled from a model, by a generator of their own: nothing random of the run is drawn. Works with torch 1.13 and later."""
from typing import Collection, Dict, List, Sequence

import torch

from .reference import logits_of

_BATCH = 32  # prompts a forward pass


@torch.no_grad()
def sample_answers(model, prompts: Sequence[Sequence[int]], *, tokens: int, ends: Collection[int] = (), temperature: float = 1.0,
                   seed: int = 0, device="cpu") -> List[List[int]]:
    """Token ids of one answer to each prompt (token ids), of at most `tokens` tokens; one of `ends` is the last of an answer that ends
    itself. model: called as model(input_ids=[B, T]), in evaluation mode (`reference.at_rest`); one of transformers keeps its cache of
    keys and values. ValueError: an empty prompt, or numbers outside of their range. RuntimeError: logits that are no numbers."""
    if tokens < 1 or not temperature > 0.0 or not all(len(prompt) for prompt in prompts):
        raise ValueError(f"sample_answers: expected prompts with tokens, at least one token to an answer and a temperature above 0, found "
                         f"{tokens} and {temperature}")
    by_length: Dict[int, List[int]] = {}  # of one length, so that nothing is padded
    for place, prompt in enumerate(prompts):
        by_length.setdefault(len(prompt), []).append(place)
    made, answers = torch.Generator().manual_seed(seed), [[] for _ in prompts]
    for length in sorted(by_length):
        for begin in range(0, len(by_length[length]), _BATCH):
            places = by_length[length][begin:begin + _BATCH]
            found = _sampled(model, [list(prompts[place]) for place in places], tokens, set(ends), temperature, made, device)
            for place, answer in zip(places, found):
                answers[place] = answer
    return answers


def _sampled(model, prompts, tokens, ends, temperature, made, device) -> List[List[int]]:
    caches = hasattr(model, "generate")
    ids, past, answers, open_ = torch.tensor(prompts, device=device), None, [[] for _ in prompts], set(range(len(prompts)))
    for _ in range(tokens):
        more = {"use_cache": True, "past_key_values": past} if caches else {}
        out = model(input_ids=ids if past is None else ids[:, -1:], **more)
        past = getattr(out, "past_key_values", None) if caches else None
        last = logits_of(out)[:, -1].detach().float().cpu() / temperature
        drawn = torch.multinomial(torch.softmax(last, -1), 1, generator=made)
        ids = torch.cat([ids, drawn.to(ids.device)], 1)
        for row in sorted(open_):
            answers[row].append(int(drawn[row]))
        open_ = {row for row in open_ if answers[row][-1] not in ends}
        if not open_:
            break
    return answers
