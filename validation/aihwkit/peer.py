"""aihwkit's side of every case in `neurohm-validation aihwkit` (IBM aihwkit 1.2.0, CPU).

usage: python peer.py --threads N        (see ../protocol.py)

Weights are `[inputs, outputs]` on the wire and the largest is 1, so that aihwkit's normalised units (its tile
holds the raw weight, `weight_scaling_omega` 0) and a crossbar's (the largest weight is the largest
conductance) are the same units, and its output noise and converter ranges mean the same on both sides.
"""

import os
import sys
from copy import deepcopy

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from protocol import serve, threads  # noqa: E402

THREADS = threads()

import numpy as np  # noqa: E402
import torch  # noqa: E402

import aihwkit  # noqa: E402
from aihwkit.inference import (  # noqa: E402
    HermesNoiseModel,
    PCMLikeNoiseModel,
    ReRamCMONoiseModel,
    ReRamWan2022NoiseModel,
)
from aihwkit.nn import AnalogConv2d, AnalogLinear, AnalogSequential  # noqa: E402
from aihwkit.simulator.configs import InferenceRPUConfig  # noqa: E402
from aihwkit.simulator.parameters.enums import WeightNoiseType  # noqa: E402

torch.set_num_threads(THREADS)
torch.set_grad_enabled(False)

NOISE_MODELS = {
    "pcm": PCMLikeNoiseModel,
    "hermes": HermesNoiseModel,
    "reram_wan2022": ReRamWan2022NoiseModel,
    "reram_cmo": ReRamCMONoiseModel,
    "reram_cmo_2_percent": lambda **o: ReRamCMONoiseModel(acceptance_range=2, **o),
}


def about():
    return {"peer": "aihwkit", "version": aihwkit.__version__, "torch": torch.__version__,
            "numpy": np.__version__, "python": sys.version.split()[0]}


def rng(seed):
    return np.random.default_rng(seed)


def draw_weights(kind, shape, seed):
    """`bell` keeps outputs off the converter's bound (no bound management), `flat` drives them over it."""
    r = rng(seed)
    if kind == "bell":
        w = np.clip(0.15 * r.standard_normal(shape), -1, 1)
        w.flat[0] = 1.0
    elif kind == "flat":
        w = r.uniform(-1, 1, shape)
        w.flat[0] = 1.0
    else:
        raise ValueError(f"weights {kind}: bell or flat")
    return w.astype(np.float32)


def config(read_noise=0.0, device="pcm", compensated=True):
    c = InferenceRPUConfig()
    c.noise_model = NOISE_MODELS[device]()
    if not compensated:
        c.drift_compensation = None
    if read_noise > 0:
        c.forward.w_noise_type = WeightNoiseType.PCM_READ
        c.forward.w_noise = read_noise
        c.forward.ir_drop = 0.0
    return c


class Product:
    """One analog layer of ideal devices behind default converters: y = x W."""

    def __init__(self, inputs, outputs, batch, weights="bell", read_noise=0.0, seed=1):
        self.w = draw_weights(weights, (inputs, outputs), seed)
        self.layer = AnalogLinear(inputs, outputs, bias=False, rpu_config=config(read_noise))
        self.layer.set_weights(torch.from_numpy(self.w.T.copy()), None)
        self.layer.eval()
        self.x = torch.from_numpy(rng(seed + 1).uniform(-1, 1, (batch, inputs)).astype(np.float32))

    def step(self):
        self.y = self.layer(self.x)

    def case(self):
        return {"weights": self.w, "x": self.x}

    def outputs(self, repeats):
        return {"y": torch.stack([self.layer(self.x) for _ in range(repeats)])}


class Digital:
    """torch's own float product: the floor under everything."""

    def __init__(self, inputs, outputs, batch, seed=1):
        self.layer = torch.nn.Linear(inputs, outputs, bias=False)
        self.w = draw_weights("bell", (inputs, outputs), seed)
        self.layer.weight.copy_(torch.from_numpy(self.w.T.copy()))
        self.x = torch.from_numpy(rng(seed + 1).uniform(-1, 1, (batch, inputs)).astype(np.float32))

    def step(self):
        self.y = self.layer(self.x)

    case = Product.case
    outputs = Product.outputs


class Convolution:
    """One analog 3x3 convolution of ideal devices behind default converters; channels first, as torch has it."""

    def __init__(self, inputs, outputs, size, batch, seed=1):
        # rows in (kh, kw, channel) order on the wire, (channel, kh, kw) in torch
        self.w = draw_weights("bell", (9 * inputs, outputs), seed)
        kernel = self.w.reshape(3, 3, inputs, outputs).transpose(3, 2, 0, 1).reshape(outputs, 9 * inputs)
        self.layer = AnalogConv2d(inputs, outputs, 3, padding=1, bias=False, rpu_config=config())
        self.layer.set_weights(torch.from_numpy(kernel.copy()), None)
        self.layer.eval()
        x = rng(seed + 1).uniform(0, 1, (batch, inputs, size, size)).astype(np.float32)
        self.x = torch.from_numpy(x)

    def step(self):
        self.y = self.layer(self.x)

    def case(self):
        return {"weights": self.w, "x": self.x.permute(0, 2, 3, 1).contiguous()}

    def outputs(self, repeats):
        y = torch.stack([self.layer(self.x) for _ in range(repeats)])
        return {"y": y.permute(0, 1, 3, 4, 2).contiguous()}


def pair_kept(model, w, times_s):
    """Weights after programming and at each time, by the noise model applied to the two devices of each weight as its
    documentation has it.

    A tile's own `drift_weights` first folds the programmed pair into one weight and maps that to a pair
    again (see README.md): its second device is then exact zero and its g_max the largest programmed weight.
    """
    targets, params = model.g_converter.convert_to_conductances(w)
    programmed = [model.apply_programming_noise_to_conductance(g) for g in targets]
    nu = [model.generate_drift_coefficients(g) for g in targets]
    out = [model.g_converter.convert_back_to_weights(programmed, params)]
    for t in times_s:
        late = [model.apply_drift_noise_to_conductance(g, n, t) for g, n in zip(programmed, nu)]
        out.append(model.g_converter.convert_back_to_weights(late, params))
    return out


class Programming:
    """A layer programmed, drifted and read: the two calls that aihwkit users make before inference."""

    def __init__(self, inputs, outputs, time_s, device="pcm", compensated=True, weights="flat", seed=1):
        self.w = draw_weights(weights, (inputs, outputs), seed)
        self.layer = AnalogLinear(inputs, outputs, bias=False, rpu_config=config(0.0, device, compensated))
        self.layer.set_weights(torch.from_numpy(self.w.T.copy()), None)
        self.layer.eval()
        self.model = NOISE_MODELS[device]()
        self.time_s = time_s

    def step(self):
        for tile in self.layer.analog_tiles():
            tile.program_weights()
            tile.drift_weights(self.time_s)

    def case(self):
        return {"weights": self.w}

    def tile_weights(self):
        """Weights that the tiles hold after `step`, without the digital compensation factor."""
        self.step()
        return {"weights": self.layer.get_weights()[0].T.contiguous()}

    def pair_weights(self):
        """The same with both devices of every pair kept."""
        return {"weights": pair_kept(self.model, torch.from_numpy(self.w), [self.time_s])[1]}


class Levels:
    """Conductances of many devices a level, programmed and read later; every time a fresh population."""

    def __init__(self, device, levels, times_s, count, g_max_us=None, seed=1):
        torch.manual_seed(seed)
        self.model = NOISE_MODELS[device](**({} if g_max_us is None else {"g_max": g_max_us}))
        self.levels, self.times, self.count = levels, times_s, count

    def population(self, level, time_s):
        target = torch.full((self.count,), level * self.model.g_max)
        g = self.model.apply_programming_noise_to_conductance(target)
        nu = self.model.generate_drift_coefficients(target)
        return self.model.apply_drift_noise_to_conductance(g, nu, time_s)

    def step(self):
        self.moments()

    def moments(self):
        """Mean, standard deviation and fourth central moment, uS, of every level at every time."""
        rows = []
        for level in self.levels:
            for time_s in self.times:
                g = self.population(level, time_s).double()
                d = g - g.mean()
                rows.append({"level": level, "time_s": time_s, "mean": g.mean().item(),
                             "variance": (d**2).mean().item(), "fourth": (d**4).mean().item()})
        return {"rows": rows, "g_max_us": self.model.g_max, "count": self.count}


class ProductOverTime:
    """Relative error of a programmed layer's products, with global drift compensation or without."""

    def __init__(self, inputs, outputs, batch, times_s, device="pcm", compensated=True, seed=1):
        self.w = draw_weights("bell", (inputs, outputs), seed)
        self.x = torch.from_numpy(rng(seed + 1).uniform(-1, 1, (batch, inputs)).astype(np.float32))
        self.exact = self.x @ torch.from_numpy(self.w)
        self.times = times_s
        self.layer = AnalogLinear(inputs, outputs, bias=False, rpu_config=config(0.0, device, compensated))
        self.layer.set_weights(torch.from_numpy(self.w.T.copy()), None)
        self.layer.eval()
        # The first programming remembers its targets; later ones start from them, whatever the tile then holds.
        next(self.layer.analog_tiles()).program_weights()

    def case(self):
        return {"weights": self.w, "x": self.x}

    def step(self):
        self.errors(1)

    def error(self):
        """Relative error, and the factor that the products have left of the exact ones."""
        y = self.layer(self.x)
        gain = (y * self.exact).sum() / (self.exact**2).sum()
        return (torch.linalg.norm(y - self.exact) / torch.linalg.norm(self.exact)).item(), gain.item()

    def errors(self, chips, keep_pairs=False):
        """Errors and gains `[chip][time]`, through the tile's own drift or with both devices of every pair kept."""
        tile = next(self.layer.analog_tiles())
        rows = [self.kept(tile) if keep_pairs else self.folded(tile) for _ in range(chips)]
        return {"errors": [[e for e, _ in row] for row in rows], "gains": [[g for _, g in row] for row in rows]}

    def folded(self, tile):
        tile.program_weights()
        row = []
        for t in self.times:
            tile.drift_weights(t)
            row.append(self.error())
        return row

    def kept(self, tile):
        """What `program_weights` and `drift_weights` do, with `pair_kept`'s weights in the tile."""
        compensation = tile.rpu_config.drift_compensation
        programmed, *drifted = pair_kept(tile.rpu_config.noise_model, torch.from_numpy(self.w.T.copy()), self.times)
        tile.tile.set_weights(programmed)
        if compensation is not None:
            baseline = compensation.init_baseline(tile)
        row = []
        for w in drifted:
            tile.tile.set_weights(w)
            if compensation is not None:
                readout = tile._forward_drift_readout_tensor()
                tile.__dict__.pop("alpha", None)
                tile.alpha = compensation.apply(readout, baseline)
            row.append(self.error())
        return row


def mnist(folder, part):
    """Images in [0, 1] and labels of one part of MNIST, from its four gzipped IDX files."""
    import gzip

    def read(name, header):
        with gzip.open(os.path.join(folder, name)) as f:
            return np.frombuffer(f.read(), np.uint8, offset=header)

    x = read(f"{part}-images-idx3-ubyte.gz", 16).reshape(-1, 784).astype(np.float32) / 255
    return torch.from_numpy(x), torch.from_numpy(read(f"{part}-labels-idx1-ubyte.gz", 8).astype(np.int64))


class Network:
    """A small network trained in float by torch, then run on aihwkit's chip at several times."""

    def __init__(self, folder, hidden, epochs, device="pcm", seed=1):
        torch.manual_seed(seed)
        with torch.enable_grad():
            self.model = torch.nn.Sequential(
                torch.nn.Linear(784, hidden), torch.nn.ReLU(), torch.nn.Linear(hidden, 10))
            self.train(*mnist(folder, "train"), epochs)
        self.x, self.y = mnist(folder, "t10k")
        c = config(0.0, device)
        # The tile holds the weights divided by the largest, the factor is digital: normalised units.
        c.mapping.weight_scaling_omega = 1.0
        self.analog = AnalogSequential(
            AnalogLinear(784, hidden, rpu_config=deepcopy(c)), torch.nn.ReLU(),
            AnalogLinear(hidden, 10, rpu_config=deepcopy(c)))
        self.analog[0].set_weights(self.model[0].weight.data.clone(), self.model[0].bias.data.clone())
        self.analog[2].set_weights(self.model[2].weight.data.clone(), self.model[2].bias.data.clone())
        self.analog.eval()

    def train(self, x, y, epochs):
        optimiser = torch.optim.Adam(self.model.parameters(), 1e-3)
        for _ in range(epochs):
            for part in torch.randperm(len(x)).split(128):
                optimiser.zero_grad()
                torch.nn.functional.cross_entropy(self.model(x[part]), y[part]).backward()
                optimiser.step()

    def network(self):
        parts = {}
        for i, m in enumerate((self.model[0], self.model[2])):
            parts[f"weight{i}"], parts[f"bias{i}"] = m.weight.data.T.contiguous(), m.bias.data
        return parts | {"digital": self.score(self.model), "logits": self.model(self.x[:100])}

    def score(self, model):
        return (model(self.x).argmax(1) == self.y).float().mean().item()

    def step(self):
        self.analog(self.x)

    def accuracies(self, chips, times_s):
        """Accuracy `[chip][time]`."""
        out = []
        for _ in range(chips):
            self.analog.program_analog_weights()
            row = []
            for t in times_s:
                self.analog.drift_analog_weights(t)
                row.append(self.score(self.analog))
            out.append(row)
        return {"accuracies": out}


serve(about, {"product": Product, "digital": Digital, "convolution": Convolution, "programming": Programming,
              "levels": Levels, "product_over_time": ProductOverTime, "network": Network})
