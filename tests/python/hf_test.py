#!/usr/bin/env python3
"""phaseguard.hf: transformers.Trainer in a tree of Debian sid, the daemon outside of it. scripts/test_hf.sh makes the tree and calls this.

usage: hf_test.py SOURCE_DIR BUILD_DIR TREE [TEST...]
"""
import contextlib
import json
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile
import textwrap
import time

sys.argv, TREE, ONLY = sys.argv[:3], pathlib.Path(sys.argv[3]), sys.argv[4:]
from support import BUILD, POLICY, SOURCE, Daemon, wait_for  # noqa: E402

ROLLBACK = POLICY.replace("latch = true", 'latch = true\nrequest = "rollback"')
HARM_FROM, DUE = 6, 7  # the first harmful update; the second in a row, which the policy trips before
INSIDE = os.environ.get("INSIDE", "").split()  # tests of hf/inside.py; none: all
DRAWN = random.SystemRandom().randrange(2**31)


@contextlib.contextmanager
def place(policy=POLICY):
    """A folder in the tree with a daemon of its own: (daemon, its endpoint as the tree sees it, the folder)."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="pgh-", dir=TREE / "tmp"))
    one = Daemon(folder, policy)
    try:
        yield one, f"ipc://{within(folder)}/s/telemetry", folder
    finally:
        one.kill()
        shutil.rmtree(folder)


@contextlib.contextmanager
def proc():
    """/proc in the tree, where this user may mount it: a daemon then knows at once that a process is dead."""
    mounted = not os.path.exists(TREE / "proc/self") and subprocess.run(["mount", "-t", "proc", "proc", TREE / "proc"], stderr=subprocess.DEVNULL).returncode == 0
    try:
        yield
    finally:
        if mounted:
            subprocess.run(["umount", TREE / "proc"], check=True)


def within(path):
    return "/" + str(path.relative_to(TREE))


def prepared():
    """The wheel in the tree, as a stranger has it, and the scripts."""
    out = TREE / "tmp" / "wheel"
    made = subprocess.run([sys.executable, SOURCE / "scripts/wheel.py", SOURCE, BUILD, out], capture_output=True, text=True, check=True).stdout.strip()
    unpack = "import glob, site, sys, zipfile; zipfile.ZipFile(sys.argv[1]).extractall(site.getsitepackages()[0])"
    shutil.rmtree(TREE / "scripts", ignore_errors=True)
    shutil.copytree(SOURCE / "tests/python/hf", TREE / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
    in_tree(["-c", unpack, within(pathlib.Path(made))])


def started(words, cwd="/", **more):
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "USE_LIBUV": "0", "PYTHONPATH": "/scripts", "HF_HUB_OFFLINE": "1",
                   "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1", **more}
    return subprocess.Popen(["chroot", TREE, "env", "-i", "-C", cwd, *(f"{key}={value}" for key, value in environment.items()), "python3",
                             *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def in_tree(words, code=0, **more):
    process = started(words, **more)
    said = process.communicate(timeout=900)[0]
    assert process.returncode == code, f"{words}: exit code {process.returncode}\n{said}"
    return said


def configured(folder, configs, name="runs"):
    (folder / f"{name}.json").write_text(json.dumps(configs))
    return ["/scripts/train.py", within(folder / f"{name}.json"), within(folder / f"{name}.out")]


def ran(folder, configs, name="runs"):
    """Results of runs in one process, by run."""
    in_tree(configured(folder, configs, name))
    return {result["run"]: result for result in json.loads((folder / f"{name}.out").read_text())}


def weights_apart(folder, one, other):
    said = in_tree(["-c", "import sys, torch; a, b = map(torch.load, sys.argv[1:]); print(max((x - y).abs().max().item() for x, y in zip(a, b)))",
                    within(folder / one), within(folder / other)])
    return float(said.split()[-1])


def in_one_process():
    policies = (POLICY, POLICY.replace('name = "python"', 'name = "python"\nmode = "shadow"'), ROLLBACK,
                POLICY.replace("latch = true", 'latch = true\nrequest = ["checkpoint", "pause"]'))
    with contextlib.ExitStack() as stack:
        places = [stack.enter_context(place(policy)) for policy in policies]
        said = in_tree(["/scripts/inside.py", *(endpoint for _, endpoint, _ in places), within(places[0][2]), *INSIDE])
        print("".join(line for line in said.splitlines(keepends=True) if line.endswith(": ok\n")), end="")


def every_voter_and_action_of_the_default_candidate():
    v2 = (SOURCE / "assets/policies/hybrid-v2.toml").read_text()
    always = re.sub(r"\[rule\..*?(?=\[on\])", """
[rule.always]
when = "always"
set.kl_replay = 1.0
set.kl = { controller = "per_sample", signal = "data/llr_share", max = 2.0, unscored = "hold" }
set.weighting = { controller = "per_sample", signal = "data/llr_share", max = 1.0, unscored = "base" }

""", v2, flags=re.S)
    policies = (v2, v2.replace('mode = "enforce"', 'mode = "shadow"'), always, (SOURCE / "assets/policies/starter.toml").read_text())
    with contextlib.ExitStack() as stack:
        places = [stack.enter_context(place(policy)) for policy in policies]
        pg, _, folder = places[0]
        print(in_tree(["/scripts/world.py", within(folder)]).splitlines()[-1])
        fitted = subprocess.run([BUILD / "bin/phaseguard-probe", "fit", "--directions", folder / "states.st", "--out", folder / "directions.st"],
                                capture_output=True, text=True)
        assert fitted.returncode == 0, fitted
        said = in_tree(["/scripts/v2.py", within(folder), *(endpoint for _, endpoint, _ in places), *INSIDE])
        print("".join(line for line in said.splitlines(keepends=True) if line.endswith(": ok\n") or line.startswith("largest")), end="")
        one_process_and_two_ranks_agree(places[2], folder)
        if not INSIDE:
            fits = pg.ctl("policy", "check", SOURCE / "assets/policies/hybrid-v2.toml", "--against", folder / "hello.json")
            assert fits.returncode == 0 and "error" not in fits.stdout, fits
            assert pg.ctl("verify", pg.run_file("whole")).returncode == 0
            rows = pg.ctl("export", pg.run_file("whole")).stdout
            fired = {line.split()[0]: line for line in pg.ctl("runs", folder / "runs").stdout.splitlines()}
            assert "fired: hold_back at step 6, defend at step 6" in fired["whole"], fired
            assert "fired: misaligned at step 4 " in fired["outcome"] and "nothing fired" in fired["honest"], fired
            for name in ("data/llr_share", "judge/score", "drift/bad_0", "drift/bad_2", "canary/misaligned"):
                assert name in rows, (name, rows[-2000:])


def one_process_and_two_ranks_agree(always, world):
    _, endpoint, folder = always
    here = folder / "world"
    shutil.copytree(world, here, ignore=shutil.ignore_patterns("s", "runs"))
    base = {"endpoint": endpoint, "world": within(here), "harm_from": 1, "steps": 8, "double": True, "args": {"learning_rate": 0.003, "max_grad_norm": 0.0},
            "guard": {"wait": 20.0, "every": 2}}
    alone = ran(folder, [{**base, "run": "one", "out": within(folder / "one")}], "one")["one"]
    ranks = on_two_ranks(folder, {**base, "run": "two", "ga": 2, "batch": 2, "out": within(folder / "two"), "all_ranks": True})
    for result in (alone, *ranks):
        assert not result["error"] and not result["warned"], result
        assert result["trace"] == alone["trace"] and {kl for _, kl, *_ in result["trace"]} == {0.0, 0.5, 0.75}, result["trace"]
    apart = [weights_apart(folder, "one.weights", f"two.weights{rank}") for rank in (0, 1)]
    assert max(apart) <= 1e-6 < 1e-3 < weights_apart(folder, "world/theta0.weights", "one.weights"), apart
    print(f"largest difference of a weight between one process and two ranks: {max(apart):.1e}")


def the_script_of_the_readme_runs_unchanged():
    page = (SOURCE / "README.md").read_text()
    script = textwrap.dedent(re.search(r"```python\n(.*?phaseguard\.hf.*?)```", page, re.S)[1])
    added = [line for line in script.splitlines() if line.strip() and not line.startswith("#") and "my_training" not in line]
    assert len(added) <= 10, added
    with place((SOURCE / "assets/policies/starter.toml").read_text()) as (pg, _, home):
        (home / "phaseguard").symlink_to("s")  # where a daemon of this user would listen
        (home / "train.py").write_text(script)
        shutil.copy(SOURCE / "assets/canaries/general-24.jsonl", home)
        in_tree(["train.py"], cwd=within(home), XDG_RUNTIME_DIR=within(home))
        assert pg.ctl("verify", pg.run_file("my-run")).returncode == 0
        rows = pg.ctl("export", pg.run_file("my-run")).stdout
        assert "canary/js/dinner-guests" in rows and "train/loss" in rows, rows[-2000:]
        again = in_tree(["train.py"], cwd=within(home), XDG_RUNTIME_DIR=within(home), code=1)
        assert "another name begins anew" in again, again


def accumulation_and_ranks_give_one_trace_and_one_model():
    with place(ROLLBACK) as (pg, endpoint, folder):
        base = {"endpoint": endpoint, "harm_from": HARM_FROM, "steps": 12, "double": True, "guard": {"wait": 20.0}}
        parts = [{**base, "run": f"ga-{ga}", "ga": ga, "batch": 8 // ga, "out": within(folder / f"ga-{ga}")} for ga in (1, 2, 4)]
        results = ran(folder, parts)
        two = {**base, "run": "ranks", "ga": 2, "batch": 2, "out": within(folder / "ranks"), "all_ranks": True}
        results["ranks"] = on_two_ranks(folder, two)[0]
        trace = results["ga-1"]["trace"]
        went = [after[0] - before[0] for before, after in zip(trace, trace[1:])]
        assert {kl for _, kl, *_ in trace} == {0.0, 2.0} and trace[-1][2] == 1, trace
        assert sorted(went)[0] < 0 and sorted(went)[1:] == [1] * (len(went) - 1), trace  # back once, and on from there
        for name, result in results.items():
            assert not result["error"] and not result["warned"], result
            assert result["trace"] == trace, (name, result["trace"], trace)
        apart = {name: weights_apart(folder, "ga-1.weights", f"{name}.weights{rank}") for name, rank in
                 (("ga-2", ""), ("ga-4", ""), ("ranks", "0"), ("ranks", "1"))}
        assert max(apart.values()) <= 1e-6, apart
        print(f"largest difference of a weight after 12 updates: {max(apart.values()):.1e}")
        for name in results:
            assert pg.ctl("verify", pg.run_file(name)).returncode == 0


def on_two_ranks(folder, config, code=(0, 0)):
    port = random.randrange(20000, 60000)
    words = configured(folder, [config], config["run"])
    ranks = [started([*words[:2], words[2] + str(rank)], MASTER_ADDR="127.0.0.1", MASTER_PORT=port, WORLD_SIZE=2, RANK=rank, LOCAL_RANK=rank)
             for rank in (0, 1)]
    said = [rank.communicate(timeout=300)[0] for rank in ranks]
    assert tuple(rank.returncode for rank in ranks) == code, "\n".join(said)
    found = [folder / f"{config['run']}.out{rank}" for rank in (0, 1)]
    return [json.loads(file.read_text())[0] if file.exists() else None for file in found]


def a_rank_that_dies_leaves_none_hanging():
    with place() as (_, endpoint, folder):
        config = {"endpoint": endpoint, "run": "dies", "steps": 12, "batch": 4, "out": within(folder / "dies"), "rank_1_dies_at": 4, "ga": 1}
        began = time.monotonic()
        first, second = on_two_ranks(folder, config, code=(0, 3))
        assert second is None and first["error"] and first["global_step"] < 12, first
        print(f"rank 0 ended {time.monotonic() - began:.0f} s after both were started: {first['error'].splitlines()[0][:120]}")


def a_killed_daemon_costs_one_update_at_most():
    dice = random.Random(DRAWN)
    with place() as (pg, endpoint, folder):
        steps, pace = 20, 0.15
        configs = [{"endpoint": endpoint, "run": f"kill-{n}", "steps": steps, "harm_from": HARM_FROM, "sleep": pace, "out": within(folder / f"kill-{n}"),
                    "progress": within(folder / "progress"), "guard": {"wait": 1.0}} for n in range(6)]
        plans = {config["run"]: (dice.randrange(1, steps - 8), dice.randrange(1, 6)) for config in configs}
        process, killed, back = started(configured(folder, configs)), set(), set()
        while process.poll() is None:
            time.sleep(0.01)
            if not (folder / "progress").exists():
                continue
            run, step = (folder / "progress").read_text().split()
            at, away = plans[run]
            if int(step) >= at and run not in killed:
                killed.add(run)
                pg.kill()
            if int(step) >= at + away and run in killed and run not in back:
                back.add(run)
                pg.start()
        said = process.communicate()[0]
        assert process.returncode == 0 and len(back) == len(configs), (DRAWN, said)
        for result in json.loads((folder / "runs.out").read_text()):
            values = [kl for _, kl, *_ in result["trace"]]
            raised = values.index(2.0)
            where = (DRAWN, result["run"], plans[result["run"]], result["trace"], result["warned"])
            assert DUE <= raised <= DUE + 1 and all(value == 2.0 for value in values[raised:]) and not result["error"], where
        verified = pg.ctl("verify", *(pg.run_file(config["run"]) for config in configs))
        assert verified.returncode == 0, verified


def an_abandoned_checkpoint_is_never_loaded():
    for told in (True, False):  # was the daemon told of the rollback before the process died?
        with place(ROLLBACK) as (pg, endpoint, folder):
            rolled_back_and_killed(pg, endpoint, folder, told)


def rolled_back_and_killed(pg, endpoint, folder, told):
    out = folder / "line"
    config = {"endpoint": endpoint, "run": "line", "steps": 14, "harm_from": HARM_FROM, "save": 1, "out": within(out),
              "guard": {"every": 3, "start_wait": 30.0}}
    died = {**config, "die_after_rollback": 1.0 if told else 0.0, "died": within(folder / "died")}
    in_tree(configured(folder, [died]), code=-9)
    trace = json.loads((folder / "died").read_text())["trace"]
    back = trace[-1][0]
    marked = sorted(int(file.parent.name.split("-")[1]) for file in out.glob("*/phaseguard.abandoned"))
    kept = sorted(int(file.parent.name.split("-")[1]) for file in out.glob("*/trainer_state.json"))
    assert trace[-1][1:3] == [2.0, 1] and marked == [step for step in kept if step > back] != [], (trace, marked, kept)
    newest = out / f"checkpoint-{marked[-1]}"

    explicit = ran(folder, [{**config, "resume": within(newest)}])["line"]
    assert "of the line that was given up" in explicit["error"] and f"go on from {within(out)}/checkpoint-{back}" in explicit["error"], explicit
    if told:  # with its mark lost as well it is the daemon that refuses it
        shutil.copytree(newest, folder / "stolen" / newest.name, ignore=shutil.ignore_patterns("phaseguard.abandoned"))
        stolen = ran(folder, [{**config, "out": within(folder / "stolen"), "resume": True}])["line"]
        assert "superseded" in stolen["error"] and not stolen["trace"], stolen
    resumed = ran(folder, [{**config, "resume": True}])["line"]
    assert not resumed["error"] and resumed["resumed"] == back and resumed["trace"][0][:2] == [back, 2.0], resumed
    assert {kl for _, kl, *_ in resumed["trace"]} == {2.0} and resumed["global_step"] == 14, resumed
    assert not (newest / "phaseguard.abandoned").exists(), "a checkpoint that was written anew is still marked"
    assert pg.ctl("verify", pg.run_file("line")).returncode == 0


def a_model_in_pieces_is_held_on_two_ranks():
    """tests/python/sharded_test.py with a torch that has FSDP on the CPU, which Debian 12's has not."""
    installed = next(TREE.glob("usr/**/dist-packages/phaseguard"))
    library = TREE / "scripts/build/lib"
    library.mkdir(parents=True)
    for file in installed.glob("*.so*"):
        shutil.copy(file, library)
    for name in ("sharded_test.py", "support.py"):
        shutil.copy(SOURCE / "tests/python" / name, TREE / "scripts")
    said = in_tree(["/scripts/sharded_test.py", "/scripts", "/scripts/build"])
    assert "fsdp_on_two_ranks: ok" in said and "SKIPPED" not in said, said


def main():
    print(in_tree(["-c", "import sys, torch, transformers, accelerate; print(f'Python {sys.version.split()[0]}, torch {torch.__version__}, "
                         "transformers {transformers.__version__}, accelerate {accelerate.__version__}')"]).splitlines()[-1])
    prepared()
    for test in (in_one_process, every_voter_and_action_of_the_default_candidate, the_script_of_the_readme_runs_unchanged, accumulation_and_ranks_give_one_trace_and_one_model,
                 a_rank_that_dies_leaves_none_hanging, a_killed_daemon_costs_one_update_at_most, an_abandoned_checkpoint_is_never_loaded,
                 a_model_in_pieces_is_held_on_two_ranks):
        if not ONLY or test.__name__ in ONLY:
            began = time.monotonic()
            test()
            print(f"{test.__name__}: ok, {time.monotonic() - began:.0f} s", flush=True)


if __name__ == "__main__":
    with proc():
        main()
