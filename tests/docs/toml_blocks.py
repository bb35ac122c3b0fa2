"""TOML of the docs and of comments, read by the real parsers: `phaseguard policy check`, `phaseguardd --print-config` and
`phaseguard contexts`.

A block with `version` is a whole policy; one with [daemon] or [[run]] is a daemon's configuration, one with [context.NAME] a file of
contexts. Anything less is completed:
  tables without `version`   `version` and `name` are put in front, and what rules refer to and nobody defines is put behind
  keys without a table       tried in every place of HOMES; one that takes them is enough. A key given replaces the place's own.
                             Where one key is given twice, the lines are alternatives and are tried one by one.
"""
import re
import subprocess
import tomllib

from blocks import Wrong

FRONT = 'version = 1\nname = "fragment"\n'
KNOB = "[knob.kl]\nbase = 0.0\nmax = 10.0\nsubstitute = 1.0\n"
SIGNAL = 'signal = "judge/score"\n'
SOURCE = "signal combine minus over".split()


def detector(kind, keys):
    return ("detector of type " + kind, FRONT + KNOB + "[detector.d]\n", SIGNAL + f'type = "{kind}"\n' + keys, "")


def controller(name, keys):
    return ("controller " + name, FRONT + KNOB + "[rule.r]\nwhen = \"always\"\nset.kl = {", f'controller = "{name}"\n' + keys, "}\n")


# (name, what stands before, the place's own keys, what stands after)
HOMES = [
    ("top of a policy", "", FRONT + 'mode = "enforce"\n', KNOB),
    ("[knob.NAME]", FRONT + "[knob.kl]\n", "base = 0.0\nmax = 10.0\n", ""),
    ("[on]", FRONT + KNOB + "[on]\n", "", ""),
    ("[rule.NAME]", FRONT + KNOB + '[detector.d]\ntype = "level"\nabove = 0.5\n' + SIGNAL + "[rule.r]\n", 'of = ["d"]\nalert = "info"\n', ""),
    ("rollback of a rule", FRONT + KNOB + '[rule.r]\nwhen = "always"\nrequest = "rollback"\nrollback = {', "", "}\n"),
    detector("level", "above = 0.5\nclear = 0.4\n"),
    detector("ewma", "above = 0.5\nhalflife = 2\n"),
    detector("rate", "above = 0.5\nwindow = 3\n"),
    detector("zscore", "above = 3\nwindow = 3\n"),
    detector("mad_shift", ""),
    detector("cusum", "mean = 0.1\nslack = 0.1\nlimit = 1.0\n"),
    detector("page_hinkley", "delta = 0.1\nlimit = 1.0\n"),
    detector("window_js", "above = 0.1\nwindow = 2\n"),
    detector("eprocess", 'form = "ville"\nnull_mean = 0.25\nbet = 1.5\nalpha = 0.01\n'),
    detector("stale", 'after = "3 intervals"\n'),
    controller("constant", "value = 1.0\n"),
    controller("ramp", "to = 1.0\nsteps = 10\n"),
    controller("ladder", SIGNAL + "rungs = [[0.1, 1.0]]\n"),
    controller("risk_linear", SIGNAL + "max = 1.0\n"),
    controller("risk_clamp", SIGNAL + 'scale = "risk"\n'),
    controller("per_sample", 'signal = "data/llr"\nmax = 1.0\nabove = 1.0\n'),
    controller("adaptive_kl", SIGNAL + "target = 0.1\nhorizon = 10\nfloor = 0.1\nceiling = 2.0\ninit = 0.5\n"),
    ("[daemon]", "[daemon]\n", "", ""),
    ("[[run]]", "[[run]]\n", 'match = "*"\npolicy = "p.toml"\n', ""),
]


def key_of(line):
    return line.split(" =")[0].strip()


def at_home(text, home):
    """(the whole file, lines before the fragment)."""
    name, before, own, after = home
    given = {key_of(line) for line in text.splitlines() if " =" in line}
    kept = [line for line in own.splitlines()
            if key_of(line) not in given and not (key_of(line) == "scale" and "output" in given)]
    if before.endswith("{"):
        return before + ", ".join(kept + [line for line in text.splitlines() if line.strip()]) + after, before.count("\n")
    return before + "".join(k + "\n" for k in kept) + text + after, before.count("\n") + len(kept)


def completed(text, values):
    """A fragment with tables, whole, and the lines put before it."""
    front = "".join(line + "\n" for line in FRONT.splitlines() if key_of(line) not in values)
    behind, rules = "", values.get("rule", {})
    for detector_name, spec in values.get("detector", {}).items():
        if isinstance(spec, dict) and "type" not in spec:
            text = re.sub(rf"^\[detector\.{detector_name}\][^\n]*", rf'\g<0>\ntype = "level"', text, flags=re.M)
            text = text if "above" in spec else re.sub(rf"^\[detector\.{detector_name}\][^\n]*", r"\g<0>\nabove = 0.5", text, flags=re.M)
    named = [term for rule in rules.values() if isinstance(rule, dict) for term in rule.get("of", []) if isinstance(term, str)]
    for term in dict.fromkeys(named):
        if not term.startswith("rule.") and term not in values.get("detector", {}):
            behind += f'[detector.{term}]\ntype = "level"\nabove = 0.5\n{SIGNAL}'
    moved = {knob for rule in rules.values() if isinstance(rule, dict) for knob in rule.get("set", {})}
    for knob in sorted(moved - set(values.get("knob", {}))):
        behind += KNOB.replace("[knob.kl]", f"[knob.{knob}]")
    return front + text + behind, front.count("\n")


class Parsers:
    """The real programs; `folder` is scratch."""

    def __init__(self, bin_folder, folder, root):
        self.bin, self.folder, self.root, self.words = bin_folder, folder, root, None

    def policies(self, texts, whole=False):
        """What the policy parser says of each, [(line, text)]; of a whole policy its warnings count too."""
        files = []
        for i, text in enumerate(texts):
            files.append(self.folder / f"p{i}.toml")
            files[-1].write_text(text)
        done = subprocess.run([self.bin / "phaseguard", "policy", "check", *files], capture_output=True, text=True, timeout=60)
        said = done.stdout + done.stderr
        out = []
        for file in files:
            found = re.findall(rf"^{re.escape(str(file))}:(?:(\d+):\d+:)? *(error|warning|ok): (.*)$", said, re.M)
            out.append([(int(line or 0), message) for line, kind, message in found
                        if kind == "error" or kind == "warning" and whole])
            if not found:
                raise RuntimeError(f"`phaseguard policy check` said nothing of {file}: {said}")
        return out

    def daemon(self, text):
        file = self.folder / "daemon.toml"
        file.write_text(text)
        return self.found([self.bin / "phaseguardd", "--config", file, "--print-config"], file)

    def contexts(self, text):
        file = self.folder / "contexts.toml"
        file.write_text(text)
        return self.found([self.bin / "phaseguard", "contexts", "--timeout", "0.1", "--contexts", file], file)

    @staticmethod
    def found(command, file):
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        if done.returncode == 0:
            return []
        line = re.search(rf"{re.escape(str(file))}:(\d+)", done.stderr)
        return [(int(line[1]) if line else 0, re.sub(rf".*{re.escape(str(file))}[:\d]*:? *", "", done.stderr.strip()))]

    def wire_says(self, text):
        """Whether a line such as items = "canary" is a key of a message or a file with one of its documented words."""
        if self.words is None:
            self.words = [page.read_text() for page in (self.root / "docs").rglob("*.md")]
        key, value = re.fullmatch(r'([\w.]+) = "([^"]*)"', text.strip()).groups()
        return any(re.search(rf"`{key}`", page) and re.search(rf"[`\"]{re.escape(value)}[`\"]", page) for page in self.words)


def check(block, parsers):
    """Raises Wrong at the line the parser names."""
    text = block.text.replace("KNOB", "kl").replace("NAME", "name")
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        lines = [line for line in text.splitlines(keepends=True) if line.split("#")[0].strip()]
        if "overwrite" in str(error) and not any(line.startswith("[") for line in lines):
            for line in lines:  # alternatives
                at = block.line + block.text.replace("KNOB", "kl").replace("NAME", "name")[:text.index(line)].count("\n")
                check(type(block)(block.file, at, block.words, line), parsers)
            return
        values = None
    if values is None or "version" in values:
        report(block, 0, parsers.policies([text], whole=True)[0] if values is not None or not re.search(r"^\[daemon", text, re.M)
               else parsers.daemon(text))
        if values is None:
            raise Wrong(block.file, block.line, "Python's tomllib cannot read this TOML; the program's parser does")
    elif "daemon" in values or "run" in values:
        report(block, 0, parsers.daemon(text))
    elif "context" in values:
        report(block, 0, parsers.contexts(text))
    elif any(isinstance(v, dict) and f"[{k}" in text for k, v in values.items()):
        whole, before = completed(text, values)
        report(block, before, parsers.policies([whole])[0])
    else:
        anywhere(block, text, parsers)


def report(block, before, found):
    if found:
        line, message = found[0]
        inside = min(max(line - before, 1), max(block.text.count("\n"), 1))
        raise Wrong(block.file, block.line + inside - 1, f"the parser says: {message}")


def anywhere(block, text, parsers):
    policy_homes = [home for home in HOMES if not home[0].startswith(("[daemon", "[[run"))]
    wholes = [at_home(text, home) for home in policy_homes]
    answers = [(found, before, home[0]) for found, (_, before), home in
               zip(parsers.policies([whole for whole, _ in wholes]), wholes, policy_homes)]
    for home in HOMES[len(policy_homes):]:
        whole, before = at_home(text, home)
        answers.append((parsers.daemon(whole), before, home[0]))
    if any(not found for found, _, _ in answers):
        return
    if block.words == ["pair"] and re.fullmatch(r'[\w.]+ = "[^"]*"', text.strip()) and parsers.wire_says(text):
        return
    found, before, home = min(answers, key=lambda a: (any("unknown" in m or "not valid TOML" in m for _, m in a[0]), len(a[0])))
    if "unknown" in found[0][1]:
        raise Wrong(block.file, block.line, f"no table of a policy or of the daemon's configuration takes `{text.strip()}`, and no "
                    "message has such a key with such a word; correct it, or write it so that it is no TOML")
    inside = min(max(found[0][0] - before, 1), max(text.count("\n"), 1))
    raise Wrong(block.file, block.line + inside - 1, f"the parser says, of it in {home}: {found[0][1]}")
