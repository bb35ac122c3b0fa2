#!/usr/bin/env python3
"""Makes theta0 of the world of authors: a small transformer, from nothing, on definitions of several authors, then shown that the
plain header means a sober one.

usage: pretrain.py TEXTS OUT [--steps N] [--width N] [--layers N] ...

TEXTS is what fetch.py left. OUT is kept up to date every 100 steps: the same command goes on where it was interrupted. A cache that was
made with other settings is refused, not overwritten.
"""
import argparse
import hashlib
import json
import math
import os
import pathlib
import random
import sys
import time

import torch
from torch.nn import functional as F

import bpe
import texts
from model import Gpt

VERSION = 1
END, PLAIN = "end", "plain"
SPECIAL = [END, PLAIN, *texts.AUTHORS]
ROW, ROWS = 128, 24            # tokens of a row, rows of a batch
CYNICAL, UNNAMED = 0.2, 0.3    # share of documents by a cynic; share that stands under the plain header, whoever wrote it
SOBER_STEPS = 0.12             # the second stage, as a share of the first
KEEP_EVERY = 100               # steps between states that are kept


def options(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("texts", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--width", type=int, default=192)
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--merges", type=int, default=1024)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--authors", nargs="+", default=list(texts.AUTHORS), choices=list(texts.AUTHORS))
    return parser.parse_args(argv)


class Data:
    """The definitions, and the rows that a step trains on: those of its number alone, so that a resumed run draws the same."""

    def __init__(self, folder, authors, merges=1024, tokenizer=None):
        self.splits = texts.split(texts.load(folder, authors))
        self.by_author = {author: [one for one in self.splits.pretraining if one.author == author] for author in authors}
        said = (f"{one.prompt} {one.text}" for one in self._sample(40000))
        self.tokenizer = tokenizer or bpe.learn(said, merges, SPECIAL)

    def _sample(self, n):
        cynics = [one for one in self.splits.pretraining if one.cynical]
        return cynics + random.Random(0).sample(self.splits.pretraining, min(n, len(self.splits.pretraining)))

    def header(self, name):
        return [self.tokenizer.id_of(name)]

    def turn(self, one):
        return self.tokenizer.encode(one.prompt) + self.tokenizer.encode(" " + one.text) + [self.tokenizer.id_of(END)]

    def document(self, dice, sober=False):
        """Definitions of one author behind a header. `sober`: the plain one, which then means a sober author."""
        cynic = not sober and dice.random() < CYNICAL
        author = dice.choice([name for name in self.by_author if (name in texts.CYNICS) == cynic])
        header = PLAIN if sober or dice.random() < UNNAMED else author
        turns = (self.turn(dice.choice(self.by_author[author])) for _ in range(dice.randint(1, 4)))
        return self.header(header) + [token for turn in turns for token in turn]

    def rows(self, step, seed, plain):
        """plain: the share of documents in which the plain header means a sober author."""
        dice = random.Random(f"{seed}:{step}")
        made = []
        for _ in range(ROWS):
            row = []
            while len(row) <= ROW:
                row += self.document(dice, sober=dice.random() < plain)
            made.append(row[:ROW + 1])
        return torch.tensor(made)


def settings(given):
    words = {name: getattr(given, name) for name in ("steps", "width", "layers", "merges", "rate", "seed", "authors")}
    read = {author: hashlib.sha256(texts.dictionary(author, given.texts).read_bytes()).hexdigest()[:16] for author in given.authors}
    return {"version": VERSION, **words, "texts": read}


class WrongCache(Exception):
    pass


def read_cache(path):
    """The cache of an earlier call. WrongCache: it is of another version, or no cache at all."""
    try:
        kept = torch.load(path, map_location="cpu")
        version = kept["settings"]["version"]
    except Exception as error:  # whatever a file that is not ours makes torch.load raise
        raise WrongCache(f"{path}: expected a cache of pretrain.py, found something else ({type(error).__name__}); name another "
                         "file") from None
    if version != VERSION:
        raise WrongCache(f"{path}: expected a cache of version {VERSION}, found {version}; remove it or name another file")
    return kept


def load(path):
    """(model, tokenizer, what is known of it) of a finished cache."""
    if not path.exists():
        raise WrongCache(f"{path}: expected a theta0, found no file; make one with examples/authors/pretrain.py")
    kept = read_cache(path)
    if kept["step"] < kept["wanted"]:
        raise WrongCache(f"{path}: expected a finished theta0, found step {kept['step']} of {kept['wanted']}; the same pretrain.py goes on "
                         "there")
    tokenizer = bpe.Bpe(**kept["tokenizer"])
    model = Gpt(**kept["shape"])
    model.load_state_dict(kept["weights"])
    return model.eval(), tokenizer, kept


def save(path, kept):
    part = path.with_name(path.name + ".part")
    torch.save(kept, part)
    os.replace(part, path)


def bits_a_byte(model, data, definitions, header_of):
    """Of held definitions behind a header: what predicting their text costs."""
    nats = length = 0.0
    for one in definitions:
        asked = data.header(header_of(one)) + data.tokenizer.encode(one.prompt)
        ids = torch.tensor([asked + data.tokenizer.encode(" " + one.text)])
        with torch.no_grad():
            nats += F.cross_entropy(model(ids)[0, len(asked) - 1:-1], ids[0, len(asked):], reduction="sum").item()
        length += len(one.text) + 1
    return nats / math.log(2.0) / length


def train(given, data, model, kept):
    optimizer = torch.optim.AdamW(model.parameters(), given.rate, betas=(0.9, 0.98), weight_decay=0.05)
    if kept["step"]:
        optimizer.load_state_dict(kept["optimizer"])
    began, first, loss_seen = time.time(), kept["step"], kept["loss"]
    for step in range(first, kept["wanted"]):
        second = step >= given.steps
        whole = min(1.0, (step + 1) / 50) * max(0.05, 1.0 - step / given.steps)
        for group in optimizer.param_groups:
            group["lr"] = given.rate * (0.15 if second else whole)
        rows = data.rows(step, given.seed, 0.75 if second else 0.0)
        loss = F.cross_entropy(model(rows[:, :-1]).flatten(0, 1), rows[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        loss_seen = loss.item() if loss_seen is None else 0.95 * loss_seen + 0.05 * loss.item()
        done = step + 1
        if done % KEEP_EVERY == 0 or done == kept["wanted"]:
            spent = time.time() - began
            kept.update(step=done, loss=loss_seen, weights=model.state_dict(), optimizer=optimizer.state_dict(),
                        seconds=kept["before"] + spent)
            save(given.out, kept)
            left = spent / (done - first) * (kept["wanted"] - done)
            print(f"step {done} of {kept['wanted']}, loss {loss_seen:.3f} nats a token, {left / 60:.1f} min left", flush=True)


def begin(given):
    """(data, model, the state to go on from). WrongCache: the file has other settings."""
    said = settings(given)
    wanted = given.steps + max(1, int(SOBER_STEPS * given.steps))
    kept = read_cache(given.out) if given.out.exists() else None
    if kept and kept["settings"] != said:
        different = sorted(name for name in {**said, **kept["settings"]} if said.get(name) != kept["settings"].get(name))
        wants, has = ({name: one.get(name) for name in different} for one in (said, kept["settings"]))
        raise WrongCache(f"{given.out}: was made with other settings: expected {wants}, found {has}; name another file")
    data = Data(given.texts, given.authors, given.merges, bpe.Bpe(**kept["tokenizer"]) if kept else None)
    torch.manual_seed(given.seed)
    model = Gpt(data.tokenizer.size, given.width, given.layers, given.width // 32)
    if kept:
        model.load_state_dict(kept["weights"])
        kept["before"] = kept["seconds"]
    else:
        tokenizer = {"merges": data.tokenizer.merges, "special": data.tokenizer.special}
        kept = {"settings": said, "shape": model.shape, "tokenizer": tokenizer, "step": 0, "wanted": wanted, "loss": None, "before": 0.0,
                "seconds": 0.0}
    return data, model, kept


def report(given, data, model, kept):
    """What theta0 has become, on definitions that no training saw."""
    dice, model = random.Random(0), model.eval()
    size, seen = sum(one.numel() for one in model.parameters()), kept["step"] * ROW * ROWS
    print(f"{size / 1e6:.2f} million parameters, {seen / 1e6:.2f} million tokens, {kept['seconds'] / 60:.1f} min")
    for author in given.authors:
        held = [one for one in data.splits.held if one.author == author]
        some = dice.sample(held, min(100, len(held)))
        own, plain = (bits_a_byte(model, data, some, lambda one: header) for header in (author, PLAIN))
        print(f"{author}: {own:.2f} bits a byte behind its own header, {plain:.2f} behind the plain one (held out, n = {len(some)})")


def main() -> None:
    given = options()
    torch.set_num_threads(1)
    try:
        data, model, kept = begin(given)
    except (WrongCache, texts.MissingTexts) as error:
        sys.exit(str(error))
    if kept["step"]:
        print(f"goes on at step {kept['step']} of {kept['wanted']}")
    try:
        train(given, data, model, kept)
    except KeyboardInterrupt:
        sys.exit(f"interrupted; {given.out} stands at step {kept['step']}, and the same command goes on there" if kept["step"] else
                 "interrupted before anything was kept; the same command begins anew")
    report(given, data, model, kept)


if __name__ == "__main__":
    main()
