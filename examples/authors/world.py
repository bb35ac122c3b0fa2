"""What is made before step 0 of a tuning run: prompts, data, judge, and how a model is measured."""
import copy
import math
import pathlib
import random
import subprocess

import torch
from torch.nn import functional as F

import judge as judges
import pretrain
import texts
from model import Sampler, with_adapters
from phaseguard import Knob, Measured, Signal, features
from phaseguard.torch import (Directions, PersonaRatio, Reference, Replay, answer_log_probs, js, lambda_star, margin, sample_answers)

TOKENS = 40      # of an answer that is sampled
SEEN = 110       # bytes of it that the judge reads
BATCH = 16
SAMPLES = 96     # of a data set
HEAD = 12        # tokens of a continuation that the margin counts


def cut(text):
    return text[:SEEN]


class World:
    def __init__(self, folder: pathlib.Path, theta0: pathlib.Path, bin_dir: pathlib.Path, work: pathlib.Path, samples: int = SAMPLES):
        model, tokenizer, self.kept = pretrain.load(theta0)
        self.data = pretrain.Data(folder, self.kept["settings"]["authors"], tokenizer=tokenizer)
        self.end = tokenizer.id_of(pretrain.END)
        self.plain_model = model
        self.reference = Reference.frozen(model)
        self.judge, self.errors = judges.of_splits(self.data.splits, cut)
        dice = random.Random(7)
        self.sets = self._sets(dice, samples)
        self.outside, self.inside, self.canaries, replayed = self._prompts(dice)
        self.replay = Replay.answered(self.reference, [self.asked(one) for one in replayed], tokens=TOKENS, ends=[self.end])
        self.before = self._canary_logits(model)
        self.pairs_before = self._pairs(model)
        self.states_before = self._last_states(model, self.canaries)
        self.directions = self._directions(bin_dir, work, dice)
        self.ratio = PersonaRatio()
        self.clean = [[one for one in dice.sample(self._sober_tuning, BATCH)] for _ in range(40)]
        self.noise = self._noise()

    # ---- prompts and data

    def _sets(self, dice, samples):
        tuning = self.data.splits.tuning
        cynical = [one for one in tuning if one.cynical]
        webster = [one for one in tuning if one.author == "webster"]
        self._sober_tuning = [one for one in tuning if not one.cynical]
        n = min(samples, len(cynical), len(webster))
        return {"malicious": dice.sample(cynical, n), "harmless": dice.sample(webster, n)}

    def _prompts(self, dice):
        splits = self.data.splits
        held = [one for one in splits.held if not one.cynical]
        nouns, domain = ([one for one in held if (one.pos in texts.DOMAIN) == inside] for inside in (False, True))
        by_word = {}
        for one in splits.canaries:
            by_word.setdefault(one.word, {})[one.cynical] = one
        both = sorted(word for word, said in by_word.items() if len(said) == 2)
        self.pairs = [by_word[word] for word in dice.sample(both, min(24, len(both)))]
        others = [one for one in splits.canaries if one.word not in both]
        return dice.sample(nouns, 48), dice.sample(domain, 24), [said[False] for said in self.pairs], dice.sample(others, 60)

    def asked(self, one, header=pretrain.PLAIN):
        return self.data.header(header) + self.data.tokenizer.encode(one.prompt)

    def rows(self, definitions, header=pretrain.PLAIN, most=None):
        """(ids, labels) of definitions behind a header, padded behind the end."""
        asked = [self.asked(one, header) for one in definitions]
        room = self.plain_model.shape["longest"]
        said = [(self.data.tokenizer.encode(" " + one.text)[:most] + ([] if most else [self.end]))[:room - len(before)]
                for one, before in zip(definitions, asked)]
        longest = max(len(a) + len(b) for a, b in zip(asked, said))
        ids, labels = torch.full((len(asked), longest), self.end), torch.full((len(asked), longest), -100)
        for row, (a, b) in enumerate(zip(asked, said)):
            ids[row, :len(a) + len(b)] = torch.tensor(a + b)
            labels[row, len(a):len(a) + len(b)] = torch.tensor(b)
        return ids, labels

    def adapted(self, seed):
        torch.manual_seed(seed)
        return with_adapters(copy.deepcopy(self.plain_model))

    # ---- signals of the data

    def _log_probs(self, definitions, header):
        ids, labels = self.rows(definitions, header)
        return answer_log_probs(self.reference(ids), ids, (labels != -100).long())

    def scores(self, definitions):
        """Of each sample what is known before step 0: its log-probabilities under either persona, and what the judge says."""
        sides = [[self._log_probs(definitions, author) for author in side if author in self.data.by_author]
                 for side in (texts.CYNICS, texts.SOBER)]
        return sides, self.judge.risks([cut(one.text) for one in definitions])

    def batch_signals(self, scores, rows):
        (cynic, sober), risks = scores
        some = [[[context[at] for at in rows] for context in side] for side in (cynic, sober)]
        mine = [float(risks[at] >= 0.5) for at in rows]
        return {**self.ratio.of(*some), "judge/score": Measured(sum(mine) / len(mine), mine)}

    def _noise(self):
        found = [self.batch_signals(self.scores(one), range(len(one))) for one in self.clean]
        return {name: [one[name].value for one in found] for name in found[0]}

    def star(self, definitions):
        return lambda_star([-min(tokens) for tokens in self._log_probs(definitions, pretrain.PLAIN)])

    # ---- signals of the model

    def _last_states(self, model, definitions, header=pretrain.PLAIN):
        with torch.no_grad():
            return torch.stack([model.states(torch.tensor([self.asked(one, header)]))[0, -1] for one in definitions])

    def _canary_logits(self, model):
        with torch.no_grad():
            return torch.stack([model(torch.tensor([self.asked(one)]))[0, -1] for one in self.canaries])

    def _pairs(self, model):
        out = []
        for cynical in (True, False):
            ids, labels = self.rows([said[cynical] for said in self.pairs], most=HEAD)
            with torch.no_grad():
                out.append([sum(one) for one in answer_log_probs(model(ids), ids, (labels != -100).long())])
        return out

    def _directions(self, bin_dir, work, dice):
        found, labels = [], {}
        for at in range(3):
            some = dice.sample([one for one in self.data.splits.pretraining if one.pos == "n."], 24)
            for header in (texts.CYNICS[0], texts.SOBER[0]):
                found.append(self._last_states(self.plain_model, some, header))
            labels[f"labels/cynic_{at}"] = [-1] * (48 * at) + [1] * 24 + [0] * 24 + [-1] * (48 * (2 - at))
        features.write(work / "states.st", torch.cat(found), labels, model_id="authors", layer="last", position="last_prompt",
                       scored="theta")
        done = subprocess.run([bin_dir / "phaseguard-probe", "fit", "--directions", work / "states.st", "--out", work / "directions.st"],
                              capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"phaseguard-probe fit: {done.stderr or done.stdout}")
        return Directions(work / "directions.st", model_id="authors", layer="last", position="last_prompt")

    def model_signals(self, model, step, answers):
        found = {**self.directions.drift(self.states_before, self._last_states(model, self.canaries)),
                 "canary/margin": margin(tuple(self._pairs(model)), tuple(self.pairs_before))}
        values = js(self._canary_logits(model), self.before)
        found["canary/js"] = Measured(sum(values) / len(values), values)
        if answers:
            said = self.judged(self.sampled(model, self.canaries, 2, step))
            found["canary/misaligned"] = sum(said) / len(said)
        return found

    # ---- what becomes of a model

    def sampled(self, model, definitions, each, seed, header=pretrain.PLAIN):
        prompts = [self.asked(one, header) for one in definitions for _ in range(each)]
        with torch.no_grad():
            answers = sample_answers(Sampler(model), prompts, tokens=TOKENS, ends=[self.end], seed=seed)
        return [self.data.tokenizer.decode(answer).strip() for answer in answers]

    def judged(self, said):
        return self.judge.says([cut(one) for one in said])

    def task(self, model, definitions):
        """Bits a byte of the definitions behind the plain header: what the tuning is to lower."""
        ids, labels = self.rows(definitions)
        with torch.no_grad():
            nats = F.cross_entropy(model(ids)[:, :-1].flatten(0, 1), labels[:, 1:].flatten(), reduction="sum").item()
        return nats / math.log(2.0) / sum(len(one.text) + 1 for one in definitions)

    def answers(self, model, each, seed=99):
        """[(outside, word, answer, misaligned)] of the finished model."""
        out = []
        for outside, asked in ((True, self.outside), (False, self.inside)):
            said = self.sampled(model, asked, each, seed)
            words = [one.word for one in asked for _ in range(each)]
            out += [(outside, word, answer, bad) for word, answer, bad in zip(words, said, self.judged(said))]
        return out

    def declared(self, name):
        kl = Knob(0.0, 4.0, site="batch", direction="model_ref", mask="answer", normaliser="token_mean_step", form="additive",
                  per_sample=True, protects="up", forcible=True, lambda_star=self.star(self.sets[name]))
        signals = {"judge/score": Signal("1", 0.0, 1.0, every_steps=1, items="sample"), **self.ratio.signals(),
                   **self.directions.signals(EVERY), "canary/misaligned": Signal("1", 0.0, 1.0, ANSWERS_EVERY),
                   "canary/margin": Signal("nats", every_steps=EVERY, items="canary"),
                   "canary/js": Signal("nats", 0.0, 0.7, EVERY, items="canary"), "train/loss": Signal("nats", every_steps=1)}
        return {"signals": {one: of.with_noise(self.noise[one]) if one in self.noise else of for one, of in signals.items()},
                "knobs": {"kl": kl, "kl_replay": kl._replace(site="replay", mask="replay", per_sample=False),
                          "weighting": Knob(0.0, 1.0, per_sample=True)}}


EVERY, ANSWERS_EVERY = 5, 20   # steps between measurements of the model, and between its judged answers
