#!/usr/bin/env python3
"""The vocabularies of monitor/wire/words.h: each text is its enumerator's name, and docs/PROTOCOL.md lists the same words.

usage: words_test.py SOURCE_DIR
"""
import pathlib
import re
import sys


def vocabularies(header):
    """{enum: ([enumerators], [texts])}"""
    code = re.sub(r"//[^\n]*", "", header)
    enums = {name: re.findall(r"k(\w+)", body)
             for name, body in re.findall(r"enum class (\w+) : std::uint8_t \{(.*?)\}", code, re.S)}
    texts = {name: re.findall(r'"(\w+)"', body)
             for name, body in re.findall(r"struct Words<(\w+)> \{.*?kTexts\{(.*?)\};", code, re.S)}
    return {name: (enums[name], texts.get(name, [])) for name in enums}


def snake(enumerator):
    return re.sub(r"(?<!^)(?=[A-Z])", "_", enumerator).lower()


def listed(page):
    """{enum: [words]} of the table below the heading Words."""
    section = re.search(r"^## Words\n(.*?)^## ", page, re.S | re.M)
    rows = re.findall(r"^\| `?([A-Z]\w+)`? \| ([^|]*) \|", section.group(1) if section else "", re.M)
    return {name: re.findall(r"`(\w+)`", words) for name, words in rows}


def findings(header, page):
    documented = listed(page)
    for name, (enumerators, texts) in vocabularies(header).items():
        if [snake(e) for e in enumerators] != texts:
            yield f"words.h: {name} has the enumerators {enumerators} and the texts {texts}"
        if documented.get(name) != texts:
            yield f"docs/PROTOCOL.md: {name} is listed as {documented.get(name)}, the code has {texts}"
    for name in set(documented) - set(vocabularies(header)):
        yield f"docs/PROTOCOL.md: {name} is no vocabulary of words.h"


def can_fail(header, page):
    """Each kind of difference is found when it is planted."""
    planted = [header.replace('"silent"', '"quiet_link"', 1), header.replace("kSilent", "kMute", 1)]
    return all(list(findings(h, page)) for h in planted) and bool(
        list(findings(header, page.replace("`silent`", "`mute`"))))


def main():
    source = pathlib.Path(sys.argv[1])
    header = (source / "monitor/wire/words.h").read_text()
    page = (source / "docs/PROTOCOL.md").read_text()
    found = list(findings(header, page))
    if not can_fail(header, page):
        found.append("words_test.py: a planted difference was not found")
    n = len(vocabularies(header))
    print("\n".join(found + [f"{n} vocabularies, {len(found)} findings"]))
    return 1 if found or n < 25 else 0


if __name__ == "__main__":
    sys.exit(main())
