#!/usr/bin/env python3
"""Rewrites the table of recorded runs in validation/README.md from the newest run of each peer."""

import json
import pathlib

HERE = pathlib.Path(__file__).resolve().parent
BEGIN, END = "<!-- runs -->\n", "<!-- end of runs -->\n"


def seconds(s):
    """With three digits in the unit that suits the rounded number (`python3 -B -m doctest validation/table.py`).

    >>> seconds(9.996e-4), seconds(9.994e-4), seconds(0.99951), seconds(1234.4), seconds(2.5e-7)
    ('1 ms', '999 us', '1 s', '1234 s', '0.25 us')
    """
    rounded = float(f"{s:.3g}")
    for unit, factor in (("s", 1), ("ms", 1e3), ("us", 1e6)):
        if rounded * factor >= 1 or unit == "us":
            # A thousand seconds are written out.
            return f"{s:.0f} s" if rounded >= 1000 else f"{s * factor:.3g} {unit}"


def agreement(line):
    return "yes" if line["agree"] else f"no: {line.get('finding', 'UNEXPLAINED')}"


def section(path):
    header, *lines = map(json.loads, path.read_text().splitlines())
    machine, versions = header["machine"], header["versions"]
    version = versions["version"]
    text = f"**{versions['peer']} {version}**, {header['date']}, neurohm {header['neurohm']}, {machine['cpu']} "
    text += f"family {'/'.join(machine['family_model'])}, {machine['cpus']} CPUs, load before {machine['load_before']}"
    if (machine["load_before"] or 0) > 0.5 * machine["cpus"]:
        text += " (**other programs were running: preliminary**)"
    text += "\n\n| case | threads | peer | neurohm | ratio | agree |\n|---|---|---|---|---|---|\n"
    # Agreement of exact answers is a table of errors, not of times.
    errors = [line for line in lines if line["case"].startswith("agree_")]
    for line in [line for line in lines if line not in errors]:
        times = f"{seconds(line['peer_s'])} | {seconds(line['ours_s'])} | {line['ratio']:.2f}"
        text += f"| `{line['case']}` | {line['threads']} | {times} | {agreement(line)} |\n"
    return text + differences(errors)


def differences(lines):
    """Largest differences of currents (of the largest) and of node voltages (V), from the peer, ngspice and the truth."""
    if not lines:
        return ""
    sides = {
        "badcrossbar": "beside badcrossbar",
        "ngspice": "beside ngspice",
        "our_error": "our error",
        "peer_error": "badcrossbar's error",
    }
    text = f"\n| currents; node voltages | chi | {' | '.join(sides.values())} | agree |\n|---|---|{'---|' * len(sides)}---|\n"
    for line in lines:
        d = line["details"]
        cells = [f"{d[f'{s}_currents']:.1e}; {d[f'{s}_nodes_v']:.1e} V" if f"{s}_currents" in d else "" for s in sides]
        text += f"| `{line['case']}` | {d['chi']:.2g} | {' | '.join(cells)} | {agreement(line)} |\n"
    return text


def main():
    newest = {path.name.rsplit("-", 3)[0]: path for path in sorted((HERE / "runs").glob("*.jsonl"))}
    readme = HERE / "README.md"
    before, rest = readme.read_text().split(BEGIN)
    after = rest.split(END)[1]
    readme.write_text(before + BEGIN + "\n".join(map(section, newest.values())) + END + after)


if __name__ == "__main__":
    main()
