#!/usr/bin/env python3
"""badcrossbar's side: arrays with resistance on their lines. Also what is true, by decimal arithmetic, for small ones, and what
ngspice says of a netlist."""

import logging
import pathlib
import shutil
import sys
import warnings
from decimal import Decimal, getcontext

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import protocol
import spice

protocol.threads()
# Its plots need cairo, and nothing is plotted here.
warnings.simplefilter("ignore")
logging.disable(logging.CRITICAL)
import badcrossbar
import numpy
import scipy

badcrossbar.compute  # noqa: B018  (a missing import is only warned of)
getcontext().prec = 50


class Crossbar:
    """Resistances (rows, columns), voltages (rows, inputs): a step is the output currents of all inputs."""

    def __init__(self, r, v, word_ohm, bit_ohm):
        self.r, self.v, self.word_ohm, self.bit_ohm = r, v, word_ohm, bit_ohm

    def compute(self, **what):
        return badcrossbar.compute(self.v, self.r, r_i_word_line=self.word_ohm, r_i_bit_line=self.bit_ohm, **what)

    def step(self):
        return self.compute(node_voltages=False, all_currents=False)

    def solution(self):
        """Currents (inputs, columns) and node voltages (inputs, rows, columns)."""
        s = self.compute(node_voltages=True, all_currents=False)
        shape = (*self.r.shape, self.v.shape[1])
        planes = [numpy.moveaxis(v.reshape(shape), 2, 0) for v in (s.voltages.word_line, s.voltages.bit_line)]
        return [protocol.exact(x) for x in (s.currents.output, *planes)]

    def truth(self):
        """The same for the first input, by nodal analysis in 50 digits: nothing of it is shared with either side."""
        (m, n), one = self.r.shape, Decimal(1)
        g = [[one / Decimal(float(r)) if numpy.isfinite(r) else Decimal(0) for r in row] for row in self.r]
        v = [Decimal(float(x)) for x in self.v[:, 0]]
        word, bit = (Decimal(x) for x in (self.word_ohm, self.bit_ohm))
        # Nodes that are unknown, row by row: elimination then stays within a band.
        number = {}
        for i in range(m):
            for j in range(n):
                if word > 0:
                    number["w", i, j] = len(number)
                if bit > 0:
                    number["b", i, j] = len(number)
        rows = [{} for _ in number]
        right = [Decimal(0)] * len(number)

        def known(node):
            kind, i, _ = node
            return v[i] if kind in "sw" else Decimal(0)

        def edge(x, y, conductance):
            for one_end, other in ((x, y), (y, x)):
                if one_end in number:
                    a = number[one_end]
                    rows[a][a] = rows[a].get(a, 0) + conductance
                    if other in number:
                        b = number[other]
                        rows[a][b] = rows[a].get(b, 0) - conductance
                    else:
                        right[a] += conductance * known(other)

        for i in range(m):
            for j in range(n):
                edge(("w", i, j), ("b", i, j), g[i][j])
                if word > 0:
                    edge(("w", i, j - 1) if j else ("s", i, 0), ("w", i, j), one / word)
                if bit > 0:
                    edge(("b", i, j), ("b", i + 1, j) if i + 1 < m else ("g", 0, 0), one / bit)
        for a, row in enumerate(rows):
            pivot = row[a]
            for b in [b for b in row if b > a]:
                factor = rows[b].pop(a) / pivot
                for c, x in row.items():
                    if c > a:
                        rows[b][c] = rows[b].get(c, 0) - factor * x
                right[b] -= factor * right[a]
        found = [Decimal(0)] * len(rows)
        for a in range(len(rows) - 1, -1, -1):
            rest = sum((x * found[b] for b, x in rows[a].items() if b > a), Decimal(0))
            found[a] = (right[a] - rest) / rows[a][a]

        def volt(node):
            return found[number[node]] if node in number else known(node)

        planes = [[[volt((kind, i, j)) for j in range(n)] for i in range(m)] for kind in "wb"]
        currents = [sum(g[i][j] * (planes[0][i][j] - planes[1][i][j]) for i in range(m)) for j in range(n)]
        return [protocol.exact([[float(x) for x in currents]])] + [
            protocol.exact([[[float(x) for x in row] for row in plane]]) for plane in planes
        ]

    def ngspice(self, netlist):
        """What ngspice writes, where it is installed."""
        return spice.batch(netlist) if shutil.which("ngspice") else None


def about():
    from importlib.metadata import version

    return {
        "peer": "badcrossbar",
        "version": version("badcrossbar"),
        "numpy": numpy.__version__,
        "scipy": scipy.__version__,
        "python": sys.version.split()[0],
    }


protocol.serve(about, {"crossbar": Crossbar})
