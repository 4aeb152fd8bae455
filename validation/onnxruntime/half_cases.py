"""Makes ONNX cases in half precision: usage: python half_cases.py FOLDER [--only PART] [--trace]

Needs torch, onnx, onnxscript and onnxruntime. Each network in the ways in which models come to halves: weights alone
(`weights`, `weights_external`), onnxruntime's own converter with inputs and outputs kept in float (`kept`), with some
operators kept in float (`blocked`) and without (`whole`), and a network that PyTorch holds in half (`torch`, and
`torch18` in operator set 18, where onnxruntime puts definitions in place of operators). The batch norms stand alone in
the files, so that onnxruntime folds them in half precision.

The reference is onnxruntime itself on the same file. Where the outputs are of type float16 a file `half` says so: there
an element next to the border between two halves may round to the other one.
"""

import copy
import sys

import numpy as np
import onnx
import torch
from onnx import TensorProto, numpy_helper
from onnxruntime.transformers.float16 import convert_float_to_float16
from torch import nn
from torch.nn import functional as F

from cases import Maker


class Block(nn.Module):
    def __init__(self, before, width, stride):
        super().__init__()
        self.a = nn.Conv2d(before, width, 3, stride, 1, bias=False)
        self.b = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.na, self.nb = nn.BatchNorm2d(width), nn.BatchNorm2d(width)
        self.way = nn.Conv2d(before, width, 1, stride) if before != width else nn.Identity()

    def forward(self, x):
        return F.relu(self.nb(self.b(F.relu(self.na(self.a(x))))) + self.way(x))


def resnet(width, depth):
    stack, before = [nn.Conv2d(3, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU()], width
    for stage in range(3):
        for k in range(depth):
            stack.append(Block(before, width << stage, 2 if stage and not k else 1))
            before = width << stage
    return nn.Sequential(*stack, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(before, 10))


class Shuffled(nn.Module):
    """Reshapes and transpositions in a row, which onnxruntime runs in half precision; a clip between them."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.out = nn.Conv2d(3, 8, 3, groups=1), nn.Conv2d(8, 8, 3, groups=2), nn.Linear(8, 5)

    def forward(self, x):
        x = torch.sigmoid(self.a(x))
        x = x.reshape(-1, 2, 4, *x.shape[2:]).transpose(1, 2).reshape(-1, 8, *x.shape[2:])
        return self.out(F.relu6(self.b(x)).mean((2, 3)))


class Normalised(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.norm, self.out = nn.Conv2d(3, 8, 4, 4), nn.LayerNorm(8), nn.Linear(8, 5)

    def forward(self, x):
        return self.out(self.norm(self.a(x).flatten(2).transpose(1, 2)).mean(1))


class Two(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(20, 16), nn.Linear(16, 4)

    def forward(self, x):
        x = torch.tanh(self.a(x))
        return self.b(x), x


class Excited(nn.Module):
    """Depthwise convolution, squeeze and excitation, hard swish, a shuffle of channels, and a hard sigmoid."""

    def __init__(self):
        super().__init__()
        self.stem, self.depth = nn.Conv2d(3, 16, 3, padding=1), nn.Conv2d(16, 16, 3, padding=1, groups=16)
        self.squeeze, self.excite = nn.Linear(16, 4), nn.Linear(4, 16)
        self.last, self.out = nn.Conv2d(16, 8, 3, groups=4), nn.Linear(8, 10)

    def forward(self, x):
        x = F.relu(self.stem(x))
        y = self.depth(x)
        gate = torch.sigmoid(self.excite(F.relu(self.squeeze(y.mean((2, 3))))))
        x = x + F.hardswish(y * gate[:, :, None, None])
        x = x.reshape(-1, 2, 8, *x.shape[2:]).transpose(1, 2).reshape(-1, 16, *x.shape[2:])
        return self.out(F.hardsigmoid(self.last(x)).flatten(2).mean(2))


class Dense(nn.Module):
    """Channels that are split and put beside rectified ones; a dilated convolution."""

    def __init__(self):
        super().__init__()
        self.stem, self.norm = nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4)
        self.wide = nn.Conv2d(4, 4, 3, padding=2, dilation=2)
        self.last, self.out = nn.Conv2d(8, 4, 2, 2), nn.Linear(4 * 9, 10)

    def forward(self, x):
        x = F.relu(self.stem(x))
        a, b = self.wide(F.leaky_relu(self.norm(x))).chunk(2, 1)
        return self.out(F.elu(self.last(torch.cat([a, x, b], 1))).flatten(1))


class Scaled(nn.Module):
    """Constant factors and shifts behind convolutions, which onnxruntime folds while the weights are halves."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.norm = nn.Conv2d(3, 8, 3), nn.Conv2d(8, 8, 3, bias=False), nn.BatchNorm2d(8)
        self.each, self.shift = nn.Parameter(torch.randn(8, 1, 1)), nn.Parameter(torch.randn(1, 8, 1, 1))

    def forward(self, x):
        x = torch.tanh(self.a(x) * 0.3 + 0.1)
        return self.norm(self.b(x) * self.each + self.shift)


class Gated(nn.Module):
    """A hard sigmoid whose clip meets a reshape, a rectifier that meets a concatenation."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.out = nn.Linear(20, 16), nn.Linear(16, 16), nn.Linear(32, 5)

    def forward(self, x):
        x = F.hardsigmoid(self.a(x)).reshape(-1, 4, 4).flatten(1)
        return self.out(torch.cat([F.relu(self.b(x)), x], 1))


NETWORKS = {
    "mlp": (nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 16), nn.Tanh(), nn.Linear(16, 4)), (20,)),
    "cnn": (
        nn.Sequential(
            nn.Conv2d(1, 6, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(6, 8, 3),
            nn.BatchNorm2d(8),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(8 * 4 * 4, 10),
        ),
        (1, 12, 12),
    ),
    "resnet8": (resnet(4, 1), (3, 32, 32)),
    "resnet20": (resnet(16, 3), (3, 32, 32)),
    "shuffled": (Shuffled(), (3, 10, 10)),
    "normalised": (Normalised(), (3, 12, 12)),
    "two": (Two(), (20,)),
    "excited": (Excited(), (3, 10, 10)),
    "dense": (Dense(), (3, 6, 6)),
    "scaled": (Scaled(), (3, 10, 10)),
    "gated": (Gated(), (20,)),
}


def randomise(model):
    for m in model.modules():
        if isinstance(m, nn.BatchNorm2d):
            m.running_mean.normal_(0, 0.2)
            m.running_var.uniform_(0.5, 1.5)
            m.weight.uniform_(0.5, 1.5)
            m.bias.normal_(0, 0.2)
    return model.eval()


def export(model, shape, path, dtype=torch.float32, opset=17):
    x = torch.zeros(2, *shape, dtype=dtype)
    torch.onnx.export(
        model,
        (x,),
        str(path),
        dynamo=False,
        opset_version=opset,
        input_names=["x"],
        dynamic_axes={"x": {0: "N"}},
        # Leaves batch norms where they are.
        training=torch.onnx.TrainingMode.PRESERVE,
        do_constant_folding=False,
    )


def halve_weights(model):
    casts = []
    for init in model.graph.initializer:
        if init.data_type == TensorProto.FLOAT:
            name = init.name
            half = numpy_helper.to_array(init).astype(np.float16)
            init.CopyFrom(numpy_helper.from_array(half, name + "_half"))
            casts.append(onnx.helper.make_node("Cast", [init.name], [name], to=TensorProto.FLOAT))
    nodes = casts + list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    return model


def main():
    only = sys.argv[sys.argv.index("--only") + 1] if "--only" in sys.argv else ""
    maker = Maker(sys.argv[1], only)
    torch.manual_seed(0)

    def make(name, shape, way):
        def write(path):
            if way.startswith("torch"):
                return export(copy.deepcopy(model).half(), shape, path, torch.float16, int(way[5:] or 17))
            export(model, shape, path)
            read = onnx.load(path)
            if way.startswith("weights"):
                outside = dict(save_as_external_data=True, location="weights.bin", size_threshold=64)
                onnx.save(halve_weights(read), path, **(outside if way.endswith("external") else {}))
            else:
                blocked = ["Relu", "Tanh", "Add"] if way == "blocked" else None
                onnx.save(convert_float_to_float16(read, keep_io_types=way != "whole", op_block_list=blocked), path)

        maker.case(f"half_{name}_{way}", [shape], write, half=way in ("whole", "torch", "torch18"))

    with torch.no_grad():
        for name, (model, shape) in NETWORKS.items():
            randomise(model)
            for way in ("weights", "weights_external", "kept", "blocked", "whole", "torch", "torch18"):
                make(name, shape, way)
    maker.end()


main()
