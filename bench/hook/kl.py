#!/usr/bin/env python3
"""What the KL penalty costs a training step on the CPU, full and in chunks, beside the same step without it, as JSON.

One head of V tokens on a body of the layers of a transformer, in the proportion of Qwen2-0.5B: the head has 28 % of the weights, frozen
as in LoRA, where the penalty weighs most; the body's own weights are trained. Figures are CPU time of one thread; the ways take turns in
a drawn order, so that the machine's mood hits all, and freed memory is kept, so that no way pays for another's pages.

usage: kl.py SOURCE_DIR BUILD_DIR [N]
"""
import json
import os
import pathlib
import random
import statistics
import sys
import time

KEEP = {"MALLOC_MMAP_THRESHOLD_": str(1 << 30), "MALLOC_TRIM_THRESHOLD_": str(1 << 34)}
if "MALLOC_TRIM_THRESHOLD_" not in os.environ:
    os.execve(sys.executable, [sys.executable, "-B", *sys.argv], {**os.environ, **KEEP})
os.environ["PHASEGUARD_LIBRARY"] = str(pathlib.Path(sys.argv[2]) / "lib" / "libphaseguard.so.0")
sys.path.insert(0, str(pathlib.Path(sys.argv[1]) / "trainer-hook" / "python"))
import torch  # noqa: E402

from phaseguard.torch import kl_from_hidden, kl_penalty  # noqa: E402

N = int(sys.argv[3]) if len(sys.argv) > 3 else 20
B, T, H, V, LAYERS, CHUNK = 2, 256, 256, 8192, 7, 128


def body(seed):
    torch.manual_seed(seed)
    layer = torch.nn.TransformerEncoderLayer(H, 4, 4 * H, dropout=0.0, batch_first=True, norm_first=True)
    return torch.nn.TransformerEncoder(layer, LAYERS)


def main():
    torch.set_num_threads(1)
    model, frozen = body(0), body(1).requires_grad_(False)
    head = torch.nn.Linear(H, V, bias=False).requires_grad_(False)
    inputs, labels, mask = torch.randn(B, T, H), torch.randint(0, V, (B * T,)), torch.ones(B, T)
    optimizer = torch.optim.SGD(model.parameters(), 1e-3)

    def reference():
        began = time.process_time()
        with torch.no_grad():
            hidden = frozen(inputs)
        return hidden, time.process_time() - began

    def cross_entropy(hidden, chunk=CHUNK):
        rows = hidden.reshape(-1, H)
        return sum(torch.nn.functional.cross_entropy(head(rows[i:i + chunk]), labels[i:i + chunk], reduction="sum")
                   for i in range(0, len(rows), chunk)) / len(rows)

    def step(penalty):
        """Seconds of this process on its one core: the whole step, without the reference's forward."""
        theirs, spent = reference() if penalty else (None, 0.0)
        began = time.process_time()
        hidden = model(inputs)
        loss = cross_entropy(hidden)
        if penalty:
            loss = loss + penalty(hidden, theirs).value
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        return time.process_time() - began

    def full(hidden, theirs):
        with torch.no_grad():
            expected = head(theirs)
        return kl_penalty(head(hidden), expected, mask)

    ways = {"without the penalty": None, "full": full,
            "chunked": lambda hidden, theirs: kl_from_hidden(hidden, theirs, head, mask, chunk=CHUNK),
            "chunked, a head that is no torch.nn.Linear": lambda hidden, theirs: kl_from_hidden(hidden, theirs, lambda x: head(x), mask, chunk=CHUNK)}
    seconds = {name: [] for name in ways}
    for n in range(N + 2):
        for name, penalty in random.sample(sorted(ways.items(), key=str), len(ways)):
            taken = step(penalty)
            if n >= 2:
                seconds[name].append(taken)
    median = {name: statistics.median(of) for name, of in seconds.items()}
    plain, whole = median["without the penalty"], median["full"]
    print(json.dumps({
        "shape": {"batch": B, "positions": T, "hidden": H, "vocabulary": V, "layers": LAYERS, "torch": torch.__version__, "n": N},
        "baseline: CPU ms of a step without the penalty": round(1e3 * plain, 1),
        **{f"{name}: of a step without it, beyond the reference's forward": round(of / plain, 3) for name, of in median.items() if of != plain},
        **{f"{name}: of a step with the full one": round(of / whole, 3) for name, of in median.items() if name.startswith("chunked")}}, indent=1))


if __name__ == "__main__":
    main()
