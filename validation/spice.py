"""Runs a crossbar's netlist through `ngspice -b`."""

import pathlib
import subprocess
import tempfile


def batch(netlist):
    """A list of numbers for each input: currents of the bit lines, then node voltages if the netlist asks for them."""
    with tempfile.TemporaryDirectory() as folder:
        (pathlib.Path(folder) / "crossbar.cir").write_text(netlist)
        run = subprocess.run(["ngspice", "-b", "crossbar.cir"], cwd=folder, capture_output=True, text=True, check=False)
        data = pathlib.Path(folder) / "crossbar.data"
        if not data.exists() or "singular" in (run.stdout + run.stderr).lower():
            raise RuntimeError((run.stdout + run.stderr)[-500:])
        # The first number of a line is ngspice's own.
        return [[float(x) for x in line.split()[1:]] for line in data.read_text().splitlines()]
