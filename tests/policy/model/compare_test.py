"""Random policies on random traces: the engine against the reference model after every event.

    compare_test.py POLICY_TRACE [--cases N] [--seed S] [--seconds T]

Prints the seed; on a difference a shrunk case that shows it, and exits 1."""
import argparse
import random
import sys
import time

from compare import difference, line_of, run
from generate import case


def kind_of(found):
    """In what they differ: "d", "decision alerts", ..."""
    return found.split(": ")[1].split(" ")[0]


def fails(binary, case, kind):
    found = difference(case, run(binary, [case])[0])
    return found if found and not found.startswith("refused") and kind_of(found) == kind else None


def shrink(binary, case, found):
    """Drops events while a difference of that kind stays (delta debugging); the first Hello stays."""
    size, kind = max(1, len(case["events"]) // 2), kind_of(found)
    while size >= 1:
        at = 1
        while at < len(case["events"]):
            events = case["events"][:at] + case["events"][at + size:]
            smaller = dict(case, events=events)
            now = fails(binary, smaller, kind)
            if now:
                case, found = smaller, now
            else:
                at += size
        size //= 2
    return case, found


def main():
    args = argparse.ArgumentParser()
    args.add_argument("binary")
    args.add_argument("--cases", type=int, default=3000)
    args.add_argument("--seed", type=int, default=1)
    args.add_argument("--seconds", type=float, default=50)
    args = args.parse_args()
    print(f"seed {args.seed}")
    end, done, refused, events = time.monotonic() + args.seconds, 0, {}, 0
    while done < args.cases and time.monotonic() < end:
        batch = []
        for i in range(done, min(done + 50, args.cases)):
            rng = random.Random(f"{args.seed}/{i}")
            batch.append(case(rng, rng.choice([12, 30, 60])))
        for i, (c, printed) in enumerate(zip(batch, run(args.binary, batch))):
            found = difference(c, printed)
            events += len(c["events"])
            if found and found.startswith("refused"):
                refused[found] = refused.get(found, 0) + 1
            elif found:
                print(f"case {args.seed}/{done + i} differs: {found}")
                c, found = shrink(args.binary, c, found)
                print(c["toml"][c["toml"].index("[detector"):])
                print("\n".join(line_of(e) for e in c["events"]))
                print(f"shrunk to {len(c['events'])} events: {found}")
                return 1
        done += len(batch)
    print(f"{done} cases, {events} events, {sum(refused.values())} policies refused")
    if sum(refused.values()) * 2 > done:
        print("more than half of the policies were refused: " + max(refused, key=refused.get))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
