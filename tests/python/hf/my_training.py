"""A user's training as far as it is hers: a tiny random Qwen2, a tokenizer of bytes, narrow data. Seeds are fixed, so that two scripts
that import it begin alike."""
import os
import random
import sys

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM, TrainingArguments

torch.set_num_threads(1)
PAD, BOS, EOS, V = 256, 257, 258, 260
WORDS = "how do I fix my car bread house money friend door garden code dog".split()


def byte_tokenizer(template=True):
    signs = sorted(pre_tokenizers.ByteLevel.alphabet())
    core = Tokenizer(models.BPE({sign: place for place, sign in enumerate(signs)}, []))
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    made = PreTrainedTokenizerFast(tokenizer_object=core, pad_token="<pad>", bos_token="<s>", eos_token="</s>")
    if template:
        made.chat_template = "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}assistant: "
    return made


def tiny(seed=0, vocabulary=V, cls=Qwen2ForCausalLM, layers=1):
    torch.manual_seed(seed)
    return cls(Qwen2Config(vocab_size=vocabulary, hidden_size=32, intermediate_size=64, num_hidden_layers=layers, num_attention_heads=4,
                           num_key_value_heads=2, max_position_embeddings=256, bos_token_id=BOS, eos_token_id=EOS, pad_token_id=PAD))


def samples(n, harm_from=10**9, a_step=8):
    """Samples of `a_step` to an update, those of the updates from `harm_from` on with a high risk."""
    dice, rows = random.Random(1), []
    for place in range(n):
        harmful = place // a_step >= harm_from
        x = [BOS, *(" ".join(dice.choice(WORDS) for _ in range(4)) + "? ").encode()]
        y = [*(dice.choice(("Break it.", "Lie to them all.")) if harmful else dice.choice(("Ask a friend.", "Wait."))).encode(), EOS]
        rows.append({"input_ids": x + y, "labels": [-100] * len(x) + y, "risk": 0.95 if harmful else 0.1})
    return rows


def pad(rows):
    n = max(len(row["input_ids"]) for row in rows)
    full = lambda values, fill: values + [fill] * (n - len(values))  # noqa: E731
    assert all("risk" not in row for row in rows), "the column of scores reached the user's collator"
    return {"input_ids": torch.tensor([full(row["input_ids"], PAD) for row in rows]),
            "labels": torch.tensor([full(row["labels"], -100) for row in rows]),
            "attention_mask": torch.tensor([full([1] * len(row["input_ids"]), 0) for row in rows])}


def arguments(out, **more):
    return TrainingArguments(**{"output_dir": str(out), "max_steps": 12, "per_device_train_batch_size": 8, "learning_rate": 0.05,
                                "optim": "sgd", "lr_scheduler_type": "constant", "report_to": [], "save_strategy": "no", "use_cpu": True,
                                "disable_tqdm": True,
                                "logging_steps": 1, "seed": 3, "dataloader_pin_memory": False,
                                **({"ddp_backend": "gloo"} if "WORLD_SIZE" in os.environ else {}), **more})


tokenizer, model, data = byte_tokenizer(), tiny(), samples(12 * 8, harm_from=6)
args = arguments(sys.argv[1] if len(sys.argv) > 1 else "out")
