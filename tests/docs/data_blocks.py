"""JSON, JSON Lines, CSV, SQL and policy tests of the docs: read, and given to the program whose format they claim to be."""
import csv
import io
import json
import re
import sqlite3
import subprocess

from blocks import Wrong

CSV_HEADERS = {"labels": (["run", "label"], ["run", "label", "harm_step"], ["run", "label", "harm_step", "group"])}


def parsed_lines(block):
    for number, line in enumerate(block.text.splitlines()):
        try:
            if line.strip():
                yield number, json.loads(line)
        except ValueError as error:
            raise Wrong(block.file, block.line + number, f"no JSON: {error}") from None


class Data:
    def __init__(self, source, bin_folder, place):
        self.source, self.bin, self.place = source, bin_folder, place

    def program(self, block, name, *words, good=(0, 3)):
        done = subprocess.run([self.bin / name, *words], cwd=self.place.folder_of(block.file), capture_output=True, text=True, timeout=120)
        if done.returncode not in good:
            said = (done.stderr or done.stdout).strip()
            at = re.search(r"block\.\w+:(\d+)", said)
            raise Wrong(block.file, block.line + (int(at[1]) - 1 if at else 0), f"`{name} {' '.join(map(str, words))}` says: {said[-600:]}")
        return done.stdout

    def file(self, block, suffix):
        file = self.place.folder_of(block.file) / f"block.{suffix}"
        file.write_text(block.text)
        return file.name

    def known(self, block, formats):
        if len(block.words) < 2 or block.words[1] not in formats:
            raise Wrong(block.file, block.line - 1, f"say which format this is: ```{block.words[0]} with one of {', '.join(formats)}")
        return block.words[1]

    def check_json(self, block):
        form = self.known(block, ("criteria", "results", "message", "object"))
        try:
            value = json.loads(block.text)
        except ValueError as error:
            raise Wrong(block.file, block.line + getattr(error, "lineno", 1) - 1, f"no JSON: {error}") from None
        if form == "criteria":
            self.program(block, "phaseguard", "evaluate", "answers.jsonl", "--criteria", self.file(block, "json"))
        elif form == "results":
            self.program(block, "phaseguard", "evaluate", "mine.jsonl", "--criteria", "C.json", "--results", self.file(block, "json"), "--results", "always.json")
        elif form == "message":
            version = ".".join(map(str, value["v"])).removesuffix(".0")
            golden = self.source / f"tests/data/wire/v{version}/{value['kind']}.json"
            if not golden.exists() or json.loads(golden.read_text()) != value:
                raise Wrong(block.file, block.line, f"is not the golden message {golden.relative_to(self.source)}")

    def check_jsonl(self, block):
        form = self.known(block, ("answers", "samples", "scores", "canaries", "data"))
        if not list(parsed_lines(block)):
            raise Wrong(block.file, block.line, "holds no line")
        file = self.file(block, "jsonl")
        judge = ("--judge-endpoint", self.place.judge, "--judge-model", "m", "--judge-out", "asked.jsonl")
        if form == "answers":
            unjudged = all(set(v) <= {"run", "id", "prompt", "messages", "answer"} for _, v in parsed_lines(block))
            self.program(block, "phaseguard", "evaluate", file, *(judge if unjudged else ()))
        elif form == "canaries":
            self.program(block, "phaseguard", "canaries", "check", file, good=(0,))
        elif form == "data":
            self.program(block, "phaseguard", "judge", "score", file, "--endpoint", self.place.judge, "--model", "m", "--out", "out.jsonl", "--fresh", good=(0,))
        elif form == "scores":
            self.program(block, "phaseguard", "evaluate", "unjudged.jsonl", "--judge-scores", file)
        elif (self.bin / "phaseguard-probe").exists():
            self.program(block, "phaseguard-probe", "preflight", file)

    def check_csv(self, block):
        form = self.known(block, ("labels", "points"))
        rows = list(csv.reader(io.StringIO(block.text)))
        for number, row in enumerate(rows):
            if len(row) != len(rows[0]):
                raise Wrong(block.file, block.line + number, f"{len(row)} fields, where the first line has {len(rows[0])}")
        if form == "labels":
            if rows[0] not in CSV_HEADERS["labels"]:
                raise Wrong(block.file, block.line, f"the first line is {','.join(rows[0])}; expected run,label or run,label,harm_step")
            (self.place.folder_of(block.file) / "more.csv").write_text(block.text)
            self.program(block, "phaseguard", "backtest", "--policy", "assets/policies/hybrid.toml", "runs", "--labels", "more.csv")
        else:
            real = self.program(block, "phaseguard", "export", "lab-malicious.phaseguard", "--format", "csv").splitlines()[0]
            if ",".join(rows[0]) != real:
                raise Wrong(block.file, block.line, f"the first line is not that of `phaseguard export`: {real}")

    def check_sql(self, block):
        """On the recorded run; where DuckDB is named and not installed, by SQLite, without what it puts in brackets after ATTACH."""
        text = re.sub(r"(ATTACH [^;]*?)\s*\([^)]*\)", r"\1", block.text)
        folder = self.place.folder_of(block.file)
        connection = sqlite3.connect(folder / "lab-malicious.phaseguard")
        try:
            statements = [s for s in text.split(";") if re.sub(r"--.*", "", s).strip()]
            for statement in statements:
                attached = re.sub(r"ATTACH '([^']+)'", lambda m: f"ATTACH '{folder / m[1]}'", statement)
                rows = connection.execute(attached).fetchall()
                if statement.lstrip("-\n ").upper().startswith("SELECT") and not rows:
                    raise Wrong(block.file, block.line, f"gives no row on a run that has such: {statement.strip()}")
        except sqlite3.Error as error:
            raise Wrong(block.file, block.line, f"SQLite says: {error}") from None
        finally:
            connection.close()

    def check_policytest(self, block):
        folder = self.place.folder_of(block.file) / "assets/policies/tests"
        text, before = block.whole()
        (folder / "block.policytest").write_text(text)
        done = subprocess.run([self.bin / "phaseguard", "policy", "test", folder / "block.policytest"], capture_output=True, text=True,
                              timeout=120)
        if done.returncode != 0:
            said = done.stdout + done.stderr
            at = re.search(r"^  step -?\d+, line (\d+)", said, re.M) or re.search(r"block\.policytest:(\d+)", said)
            raise Wrong(block.file, block.line + (int(at[1]) - 1 - before if at else 0), f"`phaseguard policy test` says:\n{said.strip()[:2000]}")
