"""report.json and README.md of a table of the world of authors."""
import json

import table


def interval(rates, run, metric):
    """`12.5 % [7.1, 20.8]` as phaseguard evaluate says it."""
    rate = next(one for one in rates if one["run"] == run and one["metric"] == metric)
    return rate["text"]


def rates_of(evaluated):
    """[{run, metric, text}] of the JSON of phaseguard evaluate."""
    out = []
    for run in evaluated["runs"]:
        for rate in run["rates"]:
            out.append({"run": run["run"], "metric": rate["metric"], "text": f"{rate['percent']:.1f} % [{rate['lower']:.1f}, {rate['upper']:.1f}]"})
    return out


def fired(one):
    if one["fired"] is None:
        return "did not act"
    if one["treatment"].startswith(("kl-", "replay-")):
        return "always on"
    return f"step {one['fired']}" + (", step back" if one["rolled_back"] is not None else "")
