#!/usr/bin/env python3
"""Two real daemons with a run of the same name each: every command goes to the one that is named, and to no other.

usage: contexts_test.py SOURCE_DIR BUILD_DIR
"""
import json
import pathlib
import subprocess
import sys
import tempfile

import plant
from terminal import Terminal

BUILD = pathlib.Path(sys.argv[2])
BIN = BUILD / "bin"
RUN = "same"


def check_list(file, *dead):
    done = plant.run(BIN, "contexts", "--json", PHASEGUARD_CONTEXTS=file)
    assert done.returncode == 0, done
    found = {c["name"]: c for c in json.loads(done.stdout)["contexts"]}
    assert list(found) == ["a", "b", "nobody"], found
    for name, context in found.items():
        assert context["answers"] == (name not in dead), context
        assert context["runs"] == (None if name in dead else 1), context
    text = plant.run(BIN, "contexts", PHASEGUARD_CONTEXTS=file).stdout
    assert "nobody" in text and "no answer" in text, text


def check_errors(root, file):
    unknown = plant.run(BIN, "status", "--connect", "c", "--contexts", file)
    assert unknown.returncode == 1 and "there is no context \"c\"" in unknown.stderr and "a, b, nobody" in unknown.stderr, unknown
    twice = plant.run(BIN, "status", "--connect", "a", "--connect", "a", "--contexts", file)
    assert twice.returncode == 1 and "given twice" in twice.stderr, twice
    both = plant.run(BIN, "status", "--connect", "a", "--endpoint-dir", "/tmp/x", "--contexts", file)
    assert both.returncode == 1 and "not both" in both.stderr, both
    by_name = plant.run(BIN, "status", "--connect", "a", "--contexts", file, PHASEGUARD_ENDPOINT_DIR="/tmp/nobody")
    assert by_name.returncode == 0 and f"{RUN}  step" in by_name.stdout, by_name  # a name wins over the variable
    unplaced = plant.run(BIN, "status", "--connect", "a", "--connect", "b", "--run", RUN, "--contexts", file)
    assert unplaced.returncode == 1 and "expected CONTEXT/RUN" in unplaced.stderr, unplaced
    several = plant.run(BIN, "force", "kl", "--value", "1", "--connect", "a", "--connect", "b", "--contexts", file)
    assert several.returncode == 2, several
    wrong = root / "wrong.toml"
    wrong.write_text("[context.a]\nendpoint_dir = \"/x\"\n[context.a]\nendpoint_dir = \"/y\"\n")
    malformed = plant.run(BIN, "contexts", "--contexts", wrong)
    assert malformed.returncode == 1 and f"{wrong}:3:" in malformed.stderr and "each name once" in malformed.stderr, malformed
    none = plant.run(BIN, "contexts", XDG_CONFIG_HOME=str(root / "empty"))
    assert none.returncode == 0 and "[context.lab]" in none.stdout, none


def check_dashboard(root, file):
    """A window of two daemons, as a picture."""
    program, picture = BIN / "phaseguard-dashboard", root / "two.png"
    if not program.exists():
        return
    def show(*words):
        return subprocess.run([program, *words, "--contexts", file, "--screenshot", picture], capture_output=True, text=True, timeout=120)
    unknown = show("--connect", "c")
    assert unknown.returncode == 2 and "a, b, nobody" in unknown.stderr, unknown
    both = show("--connect", "a", "--endpoint-dir", "/tmp/x")
    assert both.returncode == 2 and "not several" in both.stderr, both
    two = show("--connect", "a", "--connect", "b", "--run", f"b/{RUN}")
    assert two.returncode == 0 and picture.stat().st_size > 10000, two
    absent = show("--connect", "a", "--connect", "b", "--run", "b/other", "--wait", "3")
    known = absent.stderr.strip().partition("there is ")[2].split(", ")  # in the order in which they answered
    assert absent.returncode == 1 and sorted(known) == [f"a/{RUN}", f"b/{RUN}"], absent


def check_status(file):
    done = plant.run(BIN, "status", "--json", "--connect", "a", "--connect", "b", "--contexts", file)
    assert done.returncode == 0, done
    assert [(r["context"], r["run"]) for r in json.loads(done.stdout)["runs"]] == [("a", RUN), ("b", RUN)], done.stdout
    text = plant.run(BIN, "status", "--connect", "a", "--connect", "b", "--contexts", file).stdout
    assert f"a/{RUN}  step" in text and f"b/{RUN}  step" in text, text
    one = plant.run(BIN, "status", "--connect", "a", "--connect", "b", "--run", f"b/{RUN}", "--contexts", file).stdout
    assert f"b/{RUN}  step" in one and f"a/{RUN}" not in one, one
    dead = plant.run(BIN, "status", "--connect", "a", "--connect", "nobody", "--contexts", file)
    assert dead.returncode == 1 and f"a/{RUN}  step" in dead.stdout and "context nobody: no answer" in dead.stderr, dead
    lines = plant.run(BIN, "watch", "--for", "1", "--connect", "a", "--connect", "b", "--contexts", file).stdout
    assert f"a/{RUN}  step" in lines and f"b/{RUN}  step" in lines, lines


def check_force(file, daemons, trainings):
    """By the command line on a; by the console on b."""
    done = plant.run(BIN, "force", "kl", "--value", "1", "--connect", "a", "--contexts", file)
    assert done.returncode == 0 and "APPLIED: kl 1" in done.stdout, done
    assert trainings["a"].value == 1.0 and trainings["b"].value == 0.0
    done = plant.run(BIN, "release", "--connect", "a", "--contexts", file)
    assert done.returncode == 0 and trainings["a"].value == 0.0, done

    before = len(plant.commands_in(daemons["a"], RUN))
    terminal = Terminal([BIN / "phaseguard", "watch", "--connect", "a", "--connect", "b", "--contexts", file, "--run", f"b/{RUN}"])
    terminal.wait_for(f"run b/{RUN}: NO PROTECTION")
    terminal.wait_for(f"a/{RUN} ")
    terminal.type("f")
    terminal.wait_for(f"FORCE kl of run b/{RUN}")
    terminal.type(f"\r\r\r{RUN}\r")
    terminal.wait_for("nothing was sent")  # the place belongs to the name
    terminal.type(f"b/{RUN}\r")
    terminal.wait_for(f"force kl 2 of run b/{RUN}: APPLIED by the trainer")
    plant.eventually(lambda: trainings["b"].value == 2.0, "the trainer of b obeys")
    assert trainings["a"].value == 0.0
    text = terminal.screen.text().partition("RUNS (2)")[2]
    terminal.type("\x1b[A" if text.index(f"a/{RUN} ") < text.index(f"b/{RUN} ") else "\x1b[B")
    terminal.wait_for(f"run a/{RUN}: NO PROTECTION")

    daemons["b"].kill()
    terminal.wait_for("daemon b does not answer")
    terminal.wait_for("daemon a: active")
    terminal.type("f")
    terminal.wait_for(f"FORCE kl of run a/{RUN}")  # a is there
    terminal.type(f"\r\r\ra/{RUN}\r")
    terminal.wait_for(f"force kl 2 of run a/{RUN}: APPLIED by the trainer")
    assert not terminal.screen.faults, terminal.screen.faults
    terminal.type("q")
    assert terminal.end() == 0
    terminal.close()
    assert len(plant.commands_in(daemons["a"], RUN)) == before + 1
    assert len(plant.commands_in(daemons["b"], RUN)) == 1


def main():
    with tempfile.TemporaryDirectory(prefix="pgc-") as folder:
        root = pathlib.Path(folder)
        daemons = {name: plant.Daemon(BUILD, root / name).start() for name in "ab"}
        trainings = {name: plant.Training(daemon, RUN) for name, daemon in daemons.items()}
        file = root / "contexts.toml"
        file.write_text(f'[context.a]\nendpoint_dir = "{daemons["a"].sockets}"\n'
                        f'[context.b]\noperator = "ipc://{daemons["b"].sockets}/operator"\nfeed = "ipc://{daemons["b"].sockets}/feed"\n'
                        f'[context.nobody]\noperator = "tcp://127.0.0.1:1"\nfeed = "tcp://127.0.0.1:2"\n')
        try:
            plant.eventually(lambda: all(t.trainer.linked and t.trainer.step > 3 for t in trainings.values()), "both train")
            check_list(str(file), "nobody")
            check_errors(root, str(file))
            check_dashboard(root, str(file))
            check_status(str(file))
            check_force(str(file), daemons, trainings)
            check_list(str(file), "b", "nobody")
        finally:
            for training in trainings.values():
                training.stop()
            for daemon in daemons.values():
                daemon.kill()
    print("every command went to the daemon that was named")


if __name__ == "__main__":
    main()
