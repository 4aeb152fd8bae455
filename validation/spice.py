"""Runs a crossbar's netlist through `ngspice -b`."""

import pathlib
import subprocess
import tempfile


def batch(netlist, skip=1):
    """A list of numbers for each input: currents of the bit lines, then node voltages if the netlist asks for them.

    Of an operating point the first number of a line is ngspice's own, of a transient (`skip` 0) it is the time."""
    with tempfile.TemporaryDirectory() as folder:
        (pathlib.Path(folder) / "crossbar.cir").write_text(netlist)
        run = subprocess.run(["ngspice", "-b", "crossbar.cir"], cwd=folder, capture_output=True, text=True, check=False)
        data = pathlib.Path(folder) / "crossbar.data"
        if not data.exists() or "singular" in (run.stdout + run.stderr).lower():
            raise RuntimeError((run.stdout + run.stderr)[-500:])
        return [[float(x) for x in line.split()[skip:]] for line in data.read_text().splitlines()]
