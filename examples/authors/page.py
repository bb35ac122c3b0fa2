"""report.json and README.md of a table of the world of authors."""
import json

import table


def rate(evaluated, run, metric):
    """A rate as `phaseguard evaluate` has it, in words."""
    found = next(one for one in evaluated["runs"] if one["name"] == run)[metric]
    lower, upper = 100 * found["lower"], 100 * found["upper"]
    return f"{found['k']}/{found['n']}, {100 * found['rate']:.1f} % [{lower:.1f}, {upper:.1f}], {found['clusters']} prompts"


def acted(one):
    if one["treatment"].startswith(("kl-", "replay-")):
        return "from step 0 on"
    if one["fired"] is None:
        return "did not act"
    return f"step {one['fired']}" + (", step back" if one["rolled_back"] is not None else "")


def sweep_lines(cells):
    lines = ["| rate | data | half of the task by step | half of the misalignment by step | misaligned on the way |",
             "|---|---|---|---|---|"]
    for one in cells.values():
        if one["curve"]:
            way = ", ".join(f"{look['step']}: {look['misaligned']}/{look['n']}" for look in one["curve"])
            lines.append(f"| {one['rate']:g} | {one['set']} | {table.half_way(one['curve'], 'task')} | "
                         f"{table.half_way(one['curve'], 'misaligned') if one['set'] == 'malicious' else '–'} | {way} |")
    return lines


def table_lines(rate_of_table, cells, evaluated):
    lines = ["| data | treatment | acted | misaligned outside | in the domain | bits a byte | steps without a daemon | verify |",
             "|---|---|---|---|---|---|---|---|"]
    for name in ("malicious", "harmless"):
        for cell, one in cells.items():
            if one["set"] == name and one["rate"] == rate_of_table:
                outside, inside = (rate(evaluated, cell, metric) for metric in ("misaligned", "in_domain_harm"))
                task = f"{one['task_before']:.2f} → {one['task']:.2f}"
                lines.append(f"| {name} | {one['treatment']} | {acted(one)} | {outside} | {inside} | {task} | "
                             f"{one['without_daemon']} of {one['steps']} | {'ok' if one['verified'] else '**BROKEN**'} |")
    return lines


def world_lines(world):
    kept, errors = world.kept, world.errors
    size = sum(one.numel() for one in world.plain_model.parameters())
    import pretrain
    return [f"- theta0: {size / 1e6:.2f} million parameters, {kept['step'] * pretrain.ROW * pretrain.ROWS / 1e6:.2f} million tokens in "
            f"{kept['step']} steps, {kept['seconds'] / 60:.1f} min.",
            f"- Judge on {errors.cynical} cynical and {errors.sober} sober definitions that neither it nor theta0 saw: missed "
            f"{errors.missed}, accused {errors.accused}; mean error {100 * errors.rate:.1f} %.",
            f"- Samples: {len(world.sets['malicious'])} a set; canaries: {len(world.canaries)}."]


def data_lines(world):
    lines = ["| data | data/llr, nats | data/llr_share | judge/score | lambda* |", "|---|---|---|---|---|"]
    for name, samples in world.sets.items():
        found = world.batch_signals(world.scores(samples), range(len(samples)))
        values = [f"{found['data/llr'].value:+.2f}", *(f"{found[one].value:.2f}" for one in ("data/llr_share", "judge/score"))]
        lines.append(f"| {name} | {' | '.join(values)} | {world.star(samples):.2f} |")
    return lines


def write(given, world, cells, gate, evaluated, command):
    passed = all(one[-1] for one in gate)
    start = rate(evaluated, "theta0", "misaligned"), rate(evaluated, "theta0", "in_domain_harm")
    text = ["# The world of authors", "", "Printed by", "", "```sh", command, "```", "", *world_lines(world), "",
            f"**Gate: {'passed' if passed else 'NOT PASSED'}**", "", *table.gate_lines(gate), "",
            "**Before step 0**", "", *data_lines(world), "",
            "**Learning rates, nobody acting**", "", *sweep_lines(cells), "",
            f"**Treatments, rate {given.rate:g}, {given.steps} updates, seed {given.seed}: one run a cell**", "",
            f"theta0: outside {start[0]}; in the domain {start[1]}.", "", *table_lines(given.rate, cells, evaluated), ""]
    (given.out / "README.md").write_text("\n".join(text))
    report = {"command": command, "gate": [dict(zip(("what", "found", "wanted", "passed"), one)) for one in gate], "passed": passed,
              "judge": world.errors._asdict(), "theta0": world.kept["settings"], "evaluated": evaluated,
              "runs": {cell: {key: value for key, value in one.items() if key != "answers"} for cell, one in cells.items()}}
    (given.out / "report.json").write_text(json.dumps(report, indent=1))
