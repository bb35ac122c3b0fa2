"""Models that are not quite a plain one of transformers: a fused loss, an adapter by PEFT's contract."""
import contextlib

import torch
from my_training import V, tiny
from transformers import Qwen2ForCausalLM
from transformers.modeling_outputs import CausalLMOutputWithPast


class Fused(Qwen2ForCausalLM):
    """As with a fused loss: in training no logits are handed over, and the output layer is not called as a module."""

    def forward(self, input_ids=None, attention_mask=None, labels=None, num_items_in_batch=None, **more):
        if labels is None or not self.training:
            return super().forward(input_ids=input_ids, attention_mask=attention_mask, labels=labels, **more)
        hidden = self.model(input_ids=input_ids, attention_mask=attention_mask)[0]
        logits = torch.nn.functional.linear(hidden, self.lm_head.weight).float()
        loss = torch.nn.functional.cross_entropy(logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten(), ignore_index=-100, reduction="sum")
        return CausalLMOutputWithPast(loss=loss / (num_items_in_batch if num_items_in_batch is not None else (labels != -100).sum()))


class Adapted(torch.nn.Module):
    """PEFT's contract: `disable_adapter()`, `get_base_model()`; what is trained is beside the model's own weights."""

    def __init__(self, switch=True, base=None):
        super().__init__()
        self.base, self.switch, self.on = (base or tiny()).requires_grad_(False), switch, True
        width = self.base.lm_head.in_features
        self.down, self.up = torch.nn.Linear(width, 4, bias=False), torch.nn.Linear(4, V, bias=False)
        torch.nn.init.zeros_(self.up.weight)
        self.config = self.base.config
        self.base.lm_head.register_forward_hook(lambda layer, given, made: made + self.up(self.down(given[0])) if self.on else made)

    def get_base_model(self):
        return self.base

    @contextlib.contextmanager
    def disable_adapter(self):
        self.on = not self.switch
        try:
            yield
        finally:
            self.on = True

    def forward(self, input_ids=None, attention_mask=None, labels=None, **more):
        return self.base(input_ids=input_ids, attention_mask=attention_mask, labels=labels, **more)
