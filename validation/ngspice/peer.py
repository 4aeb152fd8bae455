#!/usr/bin/env python3
"""ngspice's side: loops of single devices and crossbars, on netlists that neurohm writes. Needs `ngspice` and no Python package."""

import pathlib
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import protocol
import spice

MARK = "m_a_r_k"


class Session:
    """A netlist in an ngspice that was started and has read it: a step is the analysis and nothing else."""

    def __init__(self, netlist, own_options=True):
        """`own_options`: whether the netlist's tolerances hold, or those that are set later."""
        self.folder = tempfile.TemporaryDirectory()
        body = netlist[: netlist.index(".control")]
        if not own_options:
            body = re.sub(r"(?m)^\.options.*$", "", body)
        (pathlib.Path(self.folder.name) / "circuit.cir").write_text(body + ".end\n")
        # Line by line: the answers go through a pipe.
        self.process = subprocess.Popen(
            ["stdbuf", "-oL", "ngspice", "-p"],
            cwd=self.folder.name,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            bufsize=1,
        )
        self.say("source circuit.cir")

    def say(self, command):
        self.process.stdin.write(f"{command}\necho {MARK}\n")
        self.process.stdin.flush()
        said = []
        for line in self.process.stdout:
            if MARK in line and "echo" not in line:
                text = "".join(said)
                if re.search(r"(?i)timestep too small|aborted|no such", text):
                    raise RuntimeError(text[-500:])
                return text
            said.append(line)
        raise RuntimeError("ngspice is gone: " + "".join(said)[-500:])

    def __del__(self):
        process = getattr(self, "process", None)
        if process:
            process.kill()
            process.wait()


class Loop(Session):
    """A transient of one device."""

    def __init__(self, netlist, span_s):
        super().__init__(netlist, own_options=False)
        self.span_s = span_s

    def settings(self, step_s, reltol):
        """How exactly: the longest step and the relative tolerance."""
        self.step_s = step_s
        self.say(f"option reltol={reltol} abstol=1e-15 vntol=1e-9")

    def step(self):
        # The last plot goes first: without that ngspice keeps all of them.
        self.say("destroy all")
        self.say(f"tran {self.step_s} {self.span_s} 0 {self.step_s} uic")

    def current(self):
        """Times and currents of one transient."""
        self.step()
        self.say("wrdata out.data i(vsource)")
        path = pathlib.Path(self.folder.name) / "out.data"
        rows = [line.split() for line in path.read_text().splitlines()]
        path.unlink()
        return {"t_s": [float(r[0]) for r in rows], "i_a": [-float(r[1]) for r in rows]}


class Crossbar(Session):
    """The operating point of an array."""

    def __init__(self, netlist):
        super().__init__(netlist)
        self.netlist = netlist

    def step(self):
        self.say("destroy all")
        self.say("op")

    def values(self):
        """What the netlist's own control block writes."""
        return spice.batch(self.netlist)


class Pulses(Crossbar):
    """A transient of an array."""

    def __init__(self, netlist, span_s, step_s):
        super().__init__(netlist)
        self.span_s = span_s
        self.step_s = step_s

    def step(self):
        self.say("destroy all")
        self.say(f"tran {self.step_s} {self.span_s} 0 {self.step_s} uic")

    def values(self):
        """Of every time: it, the currents, and the states."""
        return spice.batch(self.netlist, skip=0)


def about():
    text = subprocess.run(["ngspice", "--version"], capture_output=True, text=True, check=True).stdout
    version = re.search(r"ngspice-(\S+)", text).group(1)
    return {"peer": "ngspice", "version": version, "python": sys.version.split()[0]}


protocol.threads()
protocol.serve(about, {"loop": Loop, "crossbar": Crossbar, "pulses": Pulses})
