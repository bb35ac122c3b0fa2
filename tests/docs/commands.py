"""Commands of the docs: every program, subcommand and option must be known to the real program; what is cheap is really run.

In a block of class sh each command that RUN takes is run in the page's folder, with the capitals of PLACEHOLDERS filled in; exit
codes 0 and 3 (findings) are good. The others, and those of class usage (a synopsis with [...] and |), are held against --help alone.
"""
import json
import re
import shlex
import shutil
import subprocess

from blocks import Wrong

PROGRAMS = ("phaseguard", "phaseguardd", "phaseguard-dashboard", "phaseguard-probe", "phaseguard-lab", "phaseguard-conformance")
LIMITED = {"phaseguardd": "a daemon does not end", "phaseguard watch": "does not end", "phaseguard force-kl": "needs a run that is live",
           "phaseguard release": "needs a run that is live", "phaseguard reset": "needs a run that is live",
           "phaseguard inhibit": "needs a run that is live", "phaseguard allow": "needs a run that is live", "phaseguard allow-resume": "needs a run that is live",
           "phaseguard-dashboard": "opens a window", "phaseguard-conformance": "a test of its own runs it",
           "phaseguard-lab pretrain": "takes minutes", "phaseguard-lab reproduce": "takes minutes", "phaseguard-lab run": "trains, as tests/e2e and tests/lab do", "phaseguard-lab finetune": "trains, as tests/e2e and tests/lab do",
           "phaseguard-lab undefended": "trains, as tests/e2e and tests/lab do", "phaseguard-lab eval": "takes a minute", "phaseguard-lab summary": "reads what a run of minutes wrote"}
PLACEHOLDERS = {"RUN": "lab-malicious.phaseguard", "RUN...": "lab-malicious.phaseguard lab-harmless.phaseguard", "RUNS": "runs",
                "DIR": "runs", "P": "assets/policies/hybrid.toml", "A": "assets/policies/hybrid.toml", "B": "assets/policies/phaseguard-kl.toml",
                "M": "my-judge", "http://127.0.0.1:8000": "URL"}
COPIES = {"now.st": "new.st", "before.st": "new.st"}  # states of one set of prompts, now and at step 0
CONTROL = {"do", "done", "then", "else", "fi", "{", "}", "("}


def commands_of(text):
    """(line within the text from 0, words) of each simple command of a shell text."""
    # A line that goes on is one with those after it, which are left empty: numbers stay.
    text = re.sub(r"(?:[^\n]*\\\n)+[^\n]*", lambda m: m[0].replace("\\\n", " ") + "\n" * m[0].count("\n"), text)
    for number, line in enumerate(text.split("\n")):
        lexer = shlex.shlex(line, posix=True, punctuation_chars="();&|")
        lexer.whitespace_split, lexer.commenters = True, "#"
        words, skip = [], False
        for word in [*lexer, ";"]:
            if re.fullmatch(r"[();&|]+", word):
                if words:
                    yield number, words
                words = []
            elif not words and (word in CONTROL or re.fullmatch(r"\w+=.*|[<>]+", word)):
                skip = bool(re.fullmatch(r"[<>]+", word))  # where a group in brackets goes to
            elif skip:
                skip = False
            else:
                words.append(word)


class Help:
    """What --help of the real programs says, asked once each."""

    def __init__(self, bin_folder):
        self.bin, self.cache = bin_folder, {}

    def of(self, words):
        """(options, subcommands, words an option takes) of a command such as ("phaseguard", "policy", "check")."""
        if words not in self.cache:
            done = subprocess.run([self.bin / words[0], *words[1:], "--help"], capture_output=True, text=True, timeout=120)
            text = done.stdout if done.returncode == 0 else ""
            listed = re.search(r"^Subcommands:\n((?:  .*\n?)*)", text, re.M)
            self.cache[words] = (set(re.findall(r"(?<![\w-])(--?[a-zA-Z][\w-]*)", self.without_footer(text))),
                                 re.findall(r"^  ([\w-]+)", listed[1], re.M) if listed else [],
                                 {o: v.split(",") for o, v in re.findall(r"^ +(?:-\w,)?(--[\w-]+) [A-Z]+:\{([^}]*)\}", text, re.M)})
        return self.cache[words]

    @staticmethod
    def without_footer(text):
        """The option column alone: what a help text mentions in a sentence is no option."""
        return "\n".join(re.split(r"\s{2,}", line.strip())[0] for line in text.splitlines() if line.startswith("  -"))


class Commands:
    def __init__(self, source, bin_folder, place):
        self.source, self.help, self.place = source, Help(bin_folder), place
        self.ran, self.skipped = [], {}

    def subcommand(self, words):
        """("phaseguard", "policy", "check") of the words of a command."""
        found = [words[0]]
        while len(found) < len(words) and words[len(found)] in self.help.of(tuple(found))[1]:
            found.append(words[len(found)])
        return tuple(found)

    def check(self, file, line, words):
        """Raises Wrong for a command, subcommand or option that does not exist; the command's path, or None for another's program."""
        name = words[0]
        if name.startswith("scripts/"):
            script = self.source / name
            if not script.is_file():
                raise Wrong(file, line, f"there is no {name}")
            for option in [w.split("=")[0] for w in words[1:] if w.startswith("--")]:
                if option not in script.read_text():
                    raise Wrong(file, line, f"{name} has no option {option}")
        if name in ("cmake", "ctest") and "--preset" in words:
            preset = words[words.index("--preset") + 1]
            if preset not in [p["name"] for p in json.loads((self.source / "CMakePresets.json").read_text())["configurePresets"]]:
                raise Wrong(file, line, f"CMakePresets.json has no preset {preset}")
        if name not in PROGRAMS:
            if name.startswith("phaseguard"):
                raise Wrong(file, line, f"there is no program {name}; there are: {', '.join(PROGRAMS)}")
            return None
        if not (self.help.bin / name).exists():
            self.skipped[f"{name}: not built here"] = self.skipped.get(f"{name}: not built here", 0) + 1
            return None
        path = self.subcommand(words)
        options, subcommands, taken = self.help.of(path)
        rest = words[len(path):]
        if subcommands and rest and re.fullmatch(r"[a-z][\w-]*", rest[0]):
            raise Wrong(file, line, f"`{' '.join(path)}` has no command {rest[0]}; it has: {', '.join(subcommands)}")
        for i, word in enumerate(rest):
            option = re.match(r"--?[a-zA-Z][\w-]*", word)
            if option and option[0] not in options:
                raise Wrong(file, line, f"`{' '.join(path)}` has no option {option[0]}; --help lists: "
                            + " ".join(sorted(o for o in options if o.startswith("--"))))
            values = word.partition("=")[2] or next(iter(rest[i + 1:]), "") if option else ""
            for value in values.split(","):
                if option and option[0] in taken and value not in taken[option[0]] and re.fullmatch(r"[a-z][\w-]*", value):
                    raise Wrong(file, line, f"`{' '.join(path)} {option[0]}` does not take {value}; it takes: {', '.join(taken[option[0]])}")
        return path

    def check_usage(self, block):
        for number, text in enumerate(block.text.splitlines()):
            self.check_synopsis(block.file, block.line + number, text.split(" #")[0])

    def check_synopsis(self, file, line, text):
        """A command with [what may be left out], a|b and ...; also a command within a sentence."""
        plain = re.sub(r"[\[\]…<>]|\.\.\.", " ", re.sub(r" ?\| ?", ",", text))
        for _, words in commands_of(plain):
            for name in (words[1].split(",") if len(words) > 1 else [""]):
                self.check(file, line, [words[0], *([name] if name else []), *words[2:]])

    def check_row(self, file, text):
        """The table row of a page that lists the commands of `phaseguard` names each, and no other."""
        for number, line in enumerate(text.split("\n"), 1):
            if not line.startswith("| `phaseguard` |"):
                continue
            named = {span.split()[0] for span in re.findall(r"`([^`]+)`", line.split("|", 2)[2])}
            real = set(self.help.of(("phaseguard",))[1])
            for word, what in ((real - named, "does not name"), (named - real, "names, and the program does not have,")):
                if word:
                    raise Wrong(file, number, f"the row of `phaseguard` {what} {', '.join(sorted(word))}")

    def check_shell(self, block):
        done = subprocess.run(["bash", "-n"], input=block.text, capture_output=True, text=True)
        if done.returncode != 0:
            at = re.search(r"line (\d+): (.*)", done.stderr)
            raise Wrong(block.file, block.line + int(at[1]) - 1, f"bash cannot read this: {at[2]}")
        looped = re.search(r"^\s*(for|while|if)\b|[$(&]|<<", re.sub(r"#.*|&&", "", block.text), re.M)
        for number, words in commands_of(block.text):
            path = self.check(block.file, block.line + number, words)
            if words[0] == "sqlite3" or path is not None:
                self.run(block, block.line + number, words, path, looped)
            elif words[0] not in ("for", "in", "while", "grep", "cmake", "ctest", "cd", "pip") and "/" not in words[0] and words[0] not in PROGRAMS:
                raise Wrong(block.file, block.line + number, f"`{words[0]}` is no program of ours and none that tests/docs/commands.py knows")

    def run(self, block, line, words, path, looped):
        names = {" ".join(path[:n]) for n in range(1, len(path) + 1)} if path else set()
        why = block.not_run or next((LIMITED[n] for n in sorted(names) if n in LIMITED), "within a loop or a script" if looped else "")
        if why:
            self.skipped[f"{' '.join(path or words[:1])}: {why}"] = self.skipped.get(f"{' '.join(path or words[:1])}: {why}", 0) + 1
            return
        real, to = [], None
        for i, word in enumerate(words):
            word = PLACEHOLDERS.get(word, word)
            word = self.place.judge if word == "URL" else word
            if word == ">":
                to = words[i + 1]
            elif i == 0 or words[i - 1] != ">":
                if re.fullmatch(r"[A-Z]+(\.\.\.)?", word):
                    raise Wrong(block.file, line, f"{word} stands for nothing that tests/docs/commands.py knows; give it there, or name a file")
                real += word.split() if words[i] in PLACEHOLDERS else [word]
        folder = self.place.folder_of(block.file)
        for word in real:
            if word in COPIES and (folder / COPIES[word]).exists():
                shutil.copy(folder / COPIES[word], folder / word)
        program = self.help.bin / real[0] if real[0] in PROGRAMS else real[0]
        done = subprocess.run([program, *real[1:]], cwd=folder, capture_output=True, text=True, timeout=300)
        if to:
            (folder / to).write_text(done.stdout)
        if done.returncode not in (0, 3):
            raise Wrong(block.file, line, f"`{' '.join(words)}` ends with exit code {done.returncode}: {(done.stderr or done.stdout).strip()[-600:]}")
        self.ran.append(" ".join(words))
