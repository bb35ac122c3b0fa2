"""A small decoder-only transformer, and LoRA adapters that can be switched off."""
import contextlib
import math
from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional as F


class Block(nn.Module):
    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.before, self.between = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.joined = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x, hidden, past=None):
        """(x, keys and values). past: those of the tokens before."""
        B, T, C = x.shape
        q, k, v = self.qkv(self.before(x)).view(B, T, 3, self.heads, C // self.heads).permute(2, 0, 3, 1, 4)
        if past is not None:
            k, v = torch.cat([past[0], k], 2), torch.cat([past[1], v], 2)
        S = k.shape[2]
        seen = (q @ k.transpose(-1, -2) / math.sqrt(C // self.heads)).masked_fill(hidden[S - T:S, :S], -math.inf)
        x = x + self.joined((seen.softmax(-1) @ v).transpose(1, 2).reshape(B, T, C))
        return x + self.down(F.gelu(self.up(self.between(x)))), (k, v)


class Gpt(nn.Module):
    def __init__(self, vocabulary: int, width: int = 192, layers: int = 4, heads: int = 6, longest: int = 160):
        super().__init__()
        self.shape = {"vocabulary": vocabulary, "width": width, "layers": layers, "heads": heads, "longest": longest}
        self.tokens, self.places = nn.Embedding(vocabulary, width), nn.Embedding(longest, width)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(layers))
        self.last = nn.LayerNorm(width)
        self.register_buffer("hidden", torch.ones(longest, longest, dtype=torch.bool).triu(1), persistent=False)
        for one in self.parameters():
            if one.dim() == 2:
                nn.init.normal_(one, std=0.02)

    def states(self, input_ids):
        return self.cached(input_ids)[0]

    def cached(self, input_ids, past=None):
        """(last states, keys and values of each layer). past: what a call on the tokens before gave."""
        begin = 0 if past is None else past[0][0].shape[2]
        x, kept = self.tokens(input_ids) + self.places.weight[begin:begin + input_ids.shape[1]], []
        for at, block in enumerate(self.blocks):
            x, one = block(x, self.hidden, None if past is None else past[at])
            kept.append(one)
        return self.last(x), kept

    def forward(self, input_ids, attention_mask=None):  # padding stands behind the text, where no answer sees it
        return F.linear(self.states(input_ids), self.tokens.weight)

    @contextlib.contextmanager
    def disable_adapter(self):
        """As a PeftModel has it: the model as it was before tuning."""
        adapters = [one for one in self.modules() if isinstance(one, Lora)]
        try:
            for one in adapters:
                one.on = False
            yield self
        finally:
            for one in adapters:
                one.on = True


class Sampled(NamedTuple):
    logits: torch.Tensor
    past_key_values: list


class Sampler:
    """The model as `sample_answers` takes one that keeps its keys and values: it looks for `generate`."""
    generate = True

    def __init__(self, model: Gpt):
        self._model = model

    def __call__(self, input_ids, past_key_values=None, use_cache=True):
        states, past = self._model.cached(input_ids, past_key_values)
        return Sampled(F.linear(states[:, -1:], self._model.tokens.weight), past)


class Lora(nn.Module):
    """A linear layer with rs-LoRA beside it."""

    def __init__(self, layer: nn.Linear, rank: int, alpha: float):
        super().__init__()
        self.layer, self.scale, self.on = layer, alpha / math.sqrt(rank), True
        self.a = nn.Parameter(torch.randn(rank, layer.in_features) / math.sqrt(layer.in_features))
        self.b = nn.Parameter(torch.zeros(layer.out_features, rank))

    def forward(self, x):
        out = self.layer(x)
        return out + self.scale * F.linear(F.linear(x, self.a), self.b) if self.on else out


def with_adapters(model: Gpt, rank: int = 8, alpha: float = 16.0) -> Gpt:
    """The model with an adapter at each linear layer, and nothing else to be trained."""
    model.requires_grad_(False)
    for block in model.blocks:
        for name in ("qkv", "joined", "up", "down"):
            setattr(block, name, Lora(getattr(block, name), rank, alpha))
    return model
