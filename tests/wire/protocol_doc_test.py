#!/usr/bin/env python3
"""docs/PROTOCOL.md against the codec: every key that it writes is explained, in its order; which kind goes where; the settings of our
sockets; and the page's example frame is the golden one.

usage: protocol_doc_test.py SOURCE_DIR
"""
import json
import pathlib
import re
import sys


def sections(page):
    """{kind: (heading, text)} of the messages."""
    found = {}
    for heading, text in re.findall(r"^### ([^\n(]*\([^\n]*)\n(.*?)(?=^##)", page, re.S | re.M):
        for kind in re.findall(r"\b[a-z]+\b", heading.split("(")[0]):
            found[kind] = (heading, text)
    return found


def order(source, page):
    """The keys of each golden frame stand in the order of the tables of its section, after those of the envelope."""
    envelope = re.findall(r"^\| `(\w+)`", re.search(r"^## Envelope\n(.*?)^## ", page, re.S | re.M).group(1), re.M)
    found = []
    for path in sorted((source / "tests/data/wire").glob("v1*/*.json")):
        _, text = sections(page).get(path.stem, ("", ""))
        rows = re.findall(r"^\| (`\w+`[^|]*) \|", text, re.M)
        listed = envelope + [key for row in rows for key in re.findall(r"`(\w+)`", row)]
        keys = [key for key in json.loads(path.read_text()) if key in listed]
        if keys != [key for key in listed if key in keys]:
            found.append(f"docs/PROTOCOL.md: {path.parent.name}/{path.name} has its keys in the order {keys}, the page in another")
    return found


def doors(page):
    """The kinds in the table of sockets are those whose headings say that they go there."""
    rows = {name: (set(sent.split()), set(received.split())) for name, sent, received in re.findall(
        r"^\| `(telemetry|operator)` \|[^|]*\|[^|]*\| `([^|]*)` \| `([^|]*)` \|$", page, re.M)}
    expected = {"telemetry": (set(), set()), "operator": (set(), set())}
    for kind, (heading, _) in sections(page).items():
        if "trainer → daemon" in heading or "both ways" in heading:
            expected["telemetry"][0].add(kind)
        if "daemon → trainer" in heading or "both ways" in heading:
            expected["telemetry"][1].add(kind)
        if "tool → daemon" in heading:
            expected["operator"][0].add(kind)
    expected["operator"][1].add("reply")
    recorded = {kind for kind, (heading, _) in sections(page).items() if "feed" in heading}
    found = [f"docs/PROTOCOL.md: the row of {name} has {rows.get(name)}, the headings say {kinds}" for name, kinds in expected.items() if rows.get(name) != kinds]
    if not {"policy", "decision", "adopted", "link", "tick", "status"} <= recorded:
        found.append(f"docs/PROTOCOL.md: the headings name {recorded} as of the feed")
    return found


# What the page recommends to peers: how it says it, where our sockets set it, and the value there.
SETTINGS = (("`LINGER` 0 ", "settings.h", r"linger, 0\b"), ("`HANDSHAKE_IVL` 2 s", "settings.h", r"kHandshakeMs = 2000;"),
            ("`RECONNECT_IVL` 100 ms growing to 5 s", "client.cpp", r"kReconnectMs = 100;\n.*kReconnectMaxMs = 5000;"),
            ("`TCP_KEEPALIVE` 1", "settings.h", r"tcp_keepalive, 1\b"), ("`_IDLE` 10 s", "settings.h", r"kKeepaliveIdleS = 10;"),
            ("`_CNT` 3", "settings.h", r"kKeepaliveProbes = 3;"), ("`_INTVL` 5 s", "settings.h", r"kKeepaliveEveryS = 5;"),
            ("`TCP_MAXRT` 25 s", "settings.h", r"kUnacknowledgedMs = 25'000;"), ("`IMMEDIATE` 1", "client.cpp", r"sockopt::immediate, true"))


def settings(source, page):
    prose = " ".join(page.split())
    found = [f"docs/PROTOCOL.md: the settings no longer say {said}; monitor/link/{file} has {pattern}" for said, file, pattern in SETTINGS
             if said not in prose or not re.search(pattern, (source / "monitor/link" / file).read_text())]
    if any("heartbeat_ivl" in file.read_text() for file in (source / "monitor/link").iterdir()):
        found.append("monitor/link: heartbeat_ivl is set, and docs/PROTOCOL.md says to leave it at 0")
    return found


def main():
    source = pathlib.Path(sys.argv[1])
    fields = (source / "monitor/wire/fields.h").read_text()
    page = (source / "docs/PROTOCOL.md").read_text()
    keys = set(re.findall(r'\bv(?:\.binary)?\("(\w+)"', fields))
    found = [f"docs/PROTOCOL.md: the key `{k}` is not explained" for k in sorted(keys) if f"`{k}`" not in page]
    needed = set(re.findall(r'\bv(?:\.binary)?\("(\w+)", [\w.]+, k(?:Any)?Needed\)', fields))
    found += [f"docs/PROTOCOL.md: the key `{k}` is mandatory somewhere, and not marked ●"
              for k in sorted(needed) if f"`{k}` ●" not in page]

    example = re.search(r"```hex\n(8b .*?)```", page, re.S).group(1)
    hexadecimal = "".join(re.sub(r"\s", "", re.split(r'\s+"|\s{2,}map', line)[0]) for line in example.splitlines())
    if hexadecimal != (source / "tests/data/wire/v1/heartbeat.bin").read_bytes().hex():
        found.append("docs/PROTOCOL.md: the example is not the golden heartbeat")
    kinds = {p.stem for p in (source / "tests/data/wire").glob("v1*/*.bin")}
    found += [f"docs/PROTOCOL.md: no heading names the kind {k}" for k in sorted(kinds)
              if not re.search(rf"^### .*\b{k}\b", page, re.M)]
    found += order(source, page) + doors(page) + settings(source, page)
    print("\n".join(found + [f"{len(keys)} keys, {len(kinds)} kinds, {len(found)} findings"]))
    return 1 if found or len(keys) < 100 else 0


if __name__ == "__main__":
    sys.exit(main())
