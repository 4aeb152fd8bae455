"""Makes the ONNX cases of PyTorch: usage: python torch_cases.py FOLDER [--only PART] [--large] [--trace]"""

import sys
import warnings

import numpy as np
import onnx
import torch
import torch.nn as nn
import torch.nn.functional as F
import torchvision
from onnx import numpy_helper

from cases import Maker

warnings.filterwarnings("ignore")


def randomise(model):
    """Gives batch norms statistics that matter and every bias a value."""
    g = torch.Generator().manual_seed(1)
    for m in model.modules():
        if isinstance(m, nn.modules.batchnorm._BatchNorm) and m.running_mean is not None:
            m.running_mean.copy_(torch.randn(m.num_features, generator=g) * 0.3)
            m.running_var.copy_(torch.rand(m.num_features, generator=g) + 0.5)
        if isinstance(m, (nn.modules.batchnorm._BatchNorm, nn.GroupNorm, nn.LayerNorm, nn.InstanceNorm2d)):
            if m.weight is not None:
                m.weight.data.copy_(torch.rand(m.weight.shape, generator=g) + 0.5)
                m.bias.data.copy_(torch.randn(m.bias.shape, generator=g) * 0.3)
    return model.eval()


class Fn(nn.Module):
    """A module of layers and a function that uses them."""

    def __init__(self, f, **layers):
        super().__init__()
        self.f = f
        for name, layer in layers.items():
            self.add_module(name, layer)

    def forward(self, *x):
        return self.f(self, *x)


class Block(nn.Module):
    """ResNet-20's block; shortcut A pads channels with zeros, B convolves."""

    def __init__(self, i, o, stride, shortcut):
        super().__init__()
        self.a, self.b = nn.Conv2d(i, o, 3, stride, 1, bias=False), nn.Conv2d(o, o, 3, 1, 1, bias=False)
        self.na, self.nb = nn.BatchNorm2d(o), nn.BatchNorm2d(o)
        self.short = nn.Identity()
        if i != o and shortcut == "B":
            self.short = nn.Sequential(nn.Conv2d(i, o, 1, stride, bias=False), nn.BatchNorm2d(o))
        elif i != o:
            self.short = Fn(lambda s, x: F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, (o - i) // 2, (o - i) // 2)))

    def forward(self, x):
        y = self.nb(self.b(F.relu(self.na(self.a(x)))))
        return F.relu(y + self.short(x))


def resnet20(shortcut, width=16, depth=3):
    layers, i = [nn.Conv2d(3, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU()], width
    for stage in range(3):
        for k in range(depth):
            layers.append(Block(i, width << stage, 2 if stage and not k else 1, shortcut))
            i = width << stage
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(i, 10))


def lenet(c=6, d=16):
    return nn.Sequential(
        nn.Conv2d(1, c, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(c, d, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(d * 25, 32),
        nn.ReLU(),
        nn.Linear(32, 10),
    )


class SqueezeExcite(nn.Module):
    def __init__(self, c, pooled):
        super().__init__()
        self.conv = nn.Conv2d(3, c, 3, padding=1)
        self.a, self.b, self.head, self.pooled = nn.Linear(c, c // 4), nn.Linear(c // 4, c), nn.Linear(c, 5), pooled

    def forward(self, x):
        x = F.silu(self.conv(x))
        s = self.pooled(x)
        s = torch.sigmoid(self.b(F.relu(self.a(s)))).view(x.size(0), -1, 1, 1)
        return self.head((x * s.expand_as(x)).mean((2, 3)))


def shuffle(x, groups):
    b, c, h, w = x.size()
    return x.view(b, groups, c // groups, h, w).transpose(1, 2).contiguous().view(b, -1, h, w)


def dense_block(c=3, growth=4, n=3):
    layers = nn.ModuleList(
        nn.Sequential(nn.BatchNorm2d(c + i * growth), nn.ReLU(), nn.Conv2d(c + i * growth, growth, 3, padding=1))
        for i in range(n)
    )

    def f(s, x):
        for layer in s.layers:
            x = torch.cat([x, layer(x)], 1)
        return s.head(F.avg_pool2d(s.trans(x), 2).flatten(1))

    return Fn(f, layers=layers, trans=nn.Conv2d(c + n * growth, 4, 1), head=nn.Linear(4 * 16, 6))


def depthwise(i, o, stride, act):
    return nn.Sequential(
        nn.Conv2d(i, i, 3, stride, 1, groups=i, bias=False),
        nn.BatchNorm2d(i),
        act(),
        nn.Conv2d(i, o, 1, bias=False),
        nn.BatchNorm2d(o),
        act(),
    )


def audio():
    return nn.Sequential(
        nn.Conv1d(1, 8, 16, 4, 6),
        nn.BatchNorm1d(8),
        nn.ReLU(),
        nn.MaxPool1d(4),
        nn.Conv1d(8, 12, 3, dilation=2, padding=2),
        nn.BatchNorm1d(12),
        nn.ReLU(),
        nn.AvgPool1d(2),
        nn.AdaptiveAvgPool1d(1),
        nn.Flatten(),
        nn.Linear(12, 4),
        nn.LogSoftmax(1),
    )


class Mixer(nn.Module):
    def __init__(self, patches=16, dim=12):
        super().__init__()
        self.embed = nn.Conv2d(3, dim, 4, 4)
        self.n1, self.n2, self.nf = nn.LayerNorm(dim), nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.tokens = nn.Sequential(nn.Linear(patches, 20), nn.GELU(), nn.Linear(20, patches))
        self.channels = nn.Sequential(nn.Linear(dim, 24), nn.GELU(), nn.Linear(24, dim))
        self.head = nn.Linear(dim, 7)

    def forward(self, x):
        x = self.embed(x).flatten(2).transpose(1, 2)
        x = x + self.tokens(self.n1(x).transpose(1, 2)).transpose(1, 2)
        x = x + self.channels(self.n2(x))
        return self.head(self.nf(x).mean(1))


ACTS = [
    nn.ReLU(),
    nn.LeakyReLU(0.1),
    nn.PReLU(8),
    nn.PReLU(),
    nn.ELU(0.7),
    nn.SELU(),
    nn.CELU(1.3),
    nn.GELU(),
    nn.GELU("tanh"),
    nn.Mish(),
    nn.SiLU(),
    nn.Hardswish(),
    nn.Hardsigmoid(),
    nn.Hardtanh(-0.4, 0.6),
    nn.ReLU6(),
    nn.Softplus(),
    nn.Softsign(),
    nn.Tanh(),
    nn.LogSigmoid(),
    nn.Softmax(1),
    nn.LogSoftmax(-1),
    nn.Softmin(1),
    nn.Tanhshrink(),
    nn.GLU(1),
]

POOLS = [
    nn.MaxPool2d(3, 2, ceil_mode=True),
    nn.MaxPool2d(3, 2, 1, ceil_mode=True),
    nn.MaxPool2d(2, 3, 1, ceil_mode=True),
    nn.MaxPool2d(3, 1, 1, dilation=2),
    nn.AvgPool2d(3, 2, 1),
    nn.AvgPool2d(3, 2, 1, count_include_pad=False),
    nn.AvgPool2d(3, 2, 1, ceil_mode=True),
    nn.AvgPool2d(3, 2, ceil_mode=True, count_include_pad=False),
    nn.AvgPool2d((2, 3), (1, 2)),
    nn.AdaptiveAvgPool2d(1),
    nn.AdaptiveMaxPool2d(1),
    nn.AdaptiveAvgPool2d((5, 1)),
    nn.MaxPool2d(2, 3, ceil_mode=True),
    nn.AvgPool2d(2, 3, 1, ceil_mode=True),
]

# name: (module, shapes of the inputs without the batch)
def attention(s, x):
    q, k, v = s.qkv(s.norm(x)).chunk(3, -1)
    apart = lambda t: t.reshape(*t.shape[:2], 4, -1).transpose(1, 2)
    q, k, v = apart(q), apart(k), apart(v)
    y = F.softmax(q @ k.transpose(2, 3) / q.shape[-1] ** 0.5, -1) @ v
    return s.out(x + y.transpose(1, 2).reshape(x.shape)).mean(1)


SHAPES = {
    "view_size": (Fn(lambda s, x: s.l(x.view(x.size(0), -1)), l=nn.Linear(48, 5)), [(3, 4, 4)]),
    "view_minus": (
        Fn(lambda s, x: s.l(s.c(x).view(-1, 4 * 16)), c=nn.Conv2d(3, 4, 3, padding=1), l=nn.Linear(64, 5)),
        [(3, 4, 4)],
    ),
    "reshape_parts": (
        Fn(
            lambda s, x: s.l(s.c(x).reshape(x.shape[0], 8, -1)).flatten(1),
            c=nn.Conv2d(3, 4, 3, padding=1),
            l=nn.Linear(8, 5),
        ),
        [(3, 4, 4)],
    ),
    "permute_linear": (
        Fn(lambda s, x: s.l(s.c(x).permute(0, 2, 3, 1)).permute(0, 3, 1, 2), c=nn.Conv2d(3, 4, 3), l=nn.Linear(4, 6)),
        [(3, 5, 7)],
    ),
    "slices": (Fn(lambda s, x: torch.cat([x[:, :, ::2, 1::2], x[:, 1:, 1::2, :-1:2]], 1)), [(3, 6, 8)]),
    "index": (Fn(lambda s, x: s.l(x[:, -1]) + s.l(x[:, 0]) * x[:, 1, 2:3], l=nn.Linear(6, 4)), [(5, 6)]),
    "chunks": (
        Fn(lambda s, x: (lambda a, b, c: a * torch.sigmoid(b) + c)(*s.c(x).chunk(3, 1)), c=nn.Conv2d(2, 9, 3)),
        [(2, 6, 6)],
    ),
    "split_sizes": (
        Fn(lambda s, x: torch.cat(torch.split(s.c(x), [2, 5, 1], 1)[::-1], 1), c=nn.Conv2d(2, 8, 3)),
        [(2, 6, 6)],
    ),
    "pads": (
        Fn(
            lambda s, x: s.c(F.pad(x, (1, 2, 0, 3), value=0.5)) + s.d(F.pad(x, (1, 2, 0, 3))),
            c=nn.Conv2d(3, 4, 3),
            d=nn.Conv2d(3, 4, 3),
        ),
        [(3, 6, 6)],
    ),
    "crop": (Fn(lambda s, x: s.c(F.pad(x, (-1, 0, 0, -2))), c=nn.Conv2d(3, 4, 3)), [(3, 6, 6)]),
    "pixel_shuffle": (Fn(lambda s, x: F.pixel_shuffle(s.c(x), 2), c=nn.Conv2d(3, 12, 3)), [(3, 6, 5)]),
    "pixel_unshuffle": (Fn(lambda s, x: s.c(F.pixel_unshuffle(x, 2)), c=nn.Conv2d(12, 4, 1)), [(3, 6, 4)]),
    "squeezes": (
        Fn(lambda s, x: s.l(s.c(x.unsqueeze(1)).squeeze(-1)).squeeze(1), c=nn.Conv2d(1, 4, (3, 5)), l=nn.Linear(4, 1)),
        [(6, 5)],
    ),
    "squeeze_last": (Fn(lambda s, x: s.l(x).squeeze(-1), l=nn.Linear(6, 1)), [(6,)]),
    "reduces": (
        Fn(lambda s, x: torch.cat([x.mean((2, 3)), x.amax((2, 3)), x.sum((3, 2)), x.amin(dim=(2, 3))], 1)),
        [(3, 6, 4)],
    ),
    "normalise": (Fn(lambda s, x: F.normalize(s.l(x), dim=1), l=nn.Linear(6, 4)), [(6,)]),
    "norm_conv": (Fn(lambda s, x: F.normalize(s.c(x), dim=1), c=nn.Conv2d(3, 4, 3)), [(3, 6, 4)]),
    "two_in": (
        Fn(lambda s, a, b: s.l(torch.cat([s.c(a).flatten(1), b], 1)), c=nn.Conv2d(3, 2, 3), l=nn.Linear(20 + 3, 3)),
        [(3, 4, 7), (3,)],
    ),
    "zeros_like": (
        Fn(lambda s, x: torch.cat([s.c(x), torch.zeros_like(x)], 1), c=nn.Conv2d(3, 4, 3, padding=1)),
        [(3, 5, 5)],
    ),
    "left_matmul": (
        Fn(lambda s, x: torch.matmul(s.w.weight, s.c(x).flatten(2)), w=nn.Linear(35, 6), c=nn.Conv2d(3, 35, 3)),
        [(3, 5, 5)],
    ),
    "constants": (
        Fn(
            lambda s, x: (
                s.c(
                    (x / 255.0 - torch.tensor([0.4, 0.5, 0.6]).view(1, 3, 1, 1))
                    / torch.tensor([0.2, 0.3, 0.25]).view(3, 1, 1)
                )
                ** 2
                + 1
            ),
            c=nn.Conv2d(3, 4, 3),
        ),
        [(3, 6, 6)],
    ),
    "reverse_ops": (Fn(lambda s, x: 1.0 - 2.0 / (1.0 + torch.exp(s.l(x))), l=nn.Linear(6, 4)), [(6,)]),
    "minmax": (
        Fn(lambda s, x: torch.minimum(torch.maximum(s.l(x), -x), torch.tensor(0.3)).clamp(min=-0.2), l=nn.Linear(6, 6)),
        [(6,)],
    ),
    "tokens_merge": (
        Fn(lambda s, x: s.m(x.reshape(-1, 6)).reshape(x.shape[0], 5, 4).mean(1), m=nn.Linear(6, 4)),
        [(5, 6)],
    ),
    "flatten_from_2": (Fn(lambda s, x: s.l(s.c(x).flatten(2)), c=nn.Conv2d(3, 4, 3), l=nn.Linear(15, 2)), [(3, 5, 7)]),
    "stack": (
        Fn(lambda s, x: torch.stack([s.l(x), x * 2, x.abs()], 1).transpose(1, 2).flatten(1), l=nn.Linear(6, 6)),
        [(6,)],
    ),
    "no_bias_conv_add": (
        Fn(lambda s, x: s.c(x) + torch.arange(4.0).view(1, -1, 1, 1), c=nn.Conv2d(3, 4, 3, bias=False)),
        [(3, 5, 5)],
    ),
    "groups": (
        nn.Sequential(
            nn.Conv2d(6, 9, 3, groups=3, stride=2, padding=(2, 1), dilation=(1, 2)),
            nn.ReLU(),
            nn.Conv2d(9, 9, (1, 3), groups=9),
        ),
        [(6, 9, 11)],
    ),
    "bgr": (
        Fn(lambda s, x: s.c(x.index_select(1, torch.tensor([2, 0, 1]))) + s.c(x.flip(1)), c=nn.Conv2d(3, 4, 3)),
        [(3, 6, 6)],
    ),
    "conv_to_output": (nn.Conv2d(3, 5, 3, padding=1), [(3, 5, 4)]),
    "two_heads": (
        Fn(
            lambda s, x: (s.a(s.c(x).flatten(1)), torch.tanh(s.b(s.c(x).flatten(1)))),
            c=nn.Conv2d(2, 3, 3),
            a=nn.Linear(27, 4),
            b=nn.Linear(27, 1),
        ),
        [(2, 5, 5)],
    ),
    "residual_input": (Fn(lambda s, x: s.c(x) + x, c=nn.Conv2d(3, 3, 3, padding=1)), [(3, 5, 4)]),
    "seq_conv": (
        Fn(
            lambda s, x: s.l(s.c(x.transpose(1, 2)).transpose(1, 2)), c=nn.Conv1d(6, 8, 3, padding=1), l=nn.Linear(8, 3)
        ),
        [(7, 6)],
    ),
    "attention": (
        Fn(attention, qkv=nn.Linear(16, 48), norm=nn.LayerNorm(16), out=nn.Linear(16, 5)),
        [(6, 16)],
    ),
    "heads_first": (
        Fn(
            lambda s, x: F.scaled_dot_product_attention(
                *s.a(x).reshape(x.shape[0], 6, 3, 4, 4).permute(2, 0, 3, 1, 4).unbind(0)
            )
            .transpose(1, 2)
            .reshape(x.shape),
            a=nn.Linear(16, 48),
        ),
        [(6, 16)],
    ),
    "non_local": (
        Fn(
            lambda s, x: x + (F.softmax(s.a(x).flatten(2).transpose(1, 2) @ s.b(x).flatten(2), -1) @ s.c(x).flatten(2).transpose(1, 2)).transpose(1, 2).reshape(x.shape),
            a=nn.Conv2d(4, 2, 1),
            b=nn.Conv2d(4, 2, 1),
            c=nn.Conv2d(4, 4, 1),
        ),
        [(4, 5, 6)],
    ),
    **{
        f"padding_{mode}": (
            nn.Sequential(
                nn.Conv2d(3, 4, 3, padding=1, padding_mode=mode),
                nn.ReLU(),
                nn.Conv2d(4, 4, (5, 3), padding=(2, 1), padding_mode=mode),
                nn.AdaptiveAvgPool2d(1),
                nn.Flatten(),
            ),
            [(3, 7, 6)],
        )
        for mode in ("reflect", "replicate", "circular")
    },
    **{
        f"upsample_{name}": (nn.Sequential(nn.Conv2d(3, 4, 3), nn.Upsample(**how), nn.Conv2d(4, 2, 3)), [(3, 6, 7)])
        for name, how in {
            "nearest": dict(scale_factor=(2, 3)),
            "nearest_odd": dict(size=(7, 6)),
            "bilinear": dict(scale_factor=2, mode="bilinear"),
            "bilinear_corners": dict(size=(9, 7), mode="bilinear", align_corners=True),
        }.items()
    },
    "log_softmax_2d": (Fn(lambda s, x: F.softmax(s.c(x), dim=1), c=nn.Conv2d(3, 4, 3)), [(3, 5, 5)]),
}


def acts():
    for i, act in enumerate(ACTS):
        yield (
            f"act{i:02}_{type(act).__name__.lower()}",
            Fn(lambda s, x: s.act(s.c(x)), c=nn.Conv2d(3, 8, 3), act=act),
            [(3, 5, 5)],
        )
    for i, pool in enumerate(POOLS):
        yield f"pool{i:02}", Fn(lambda s, x: s.p(s.c(x)), c=nn.Conv2d(3, 4, 1), p=pool), [(3, 10, 9)]


def networks():
    yield (
        "mlp",
        nn.Sequential(
            nn.Linear(20, 16),
            nn.ReLU(),
            nn.Dropout(0.3),
            nn.BatchNorm1d(16),
            nn.Linear(16, 8),
            nn.Tanh(),
            nn.Linear(8, 4),
            nn.Softmax(1),
        ),
        [(20,)],
    )
    yield "lenet", lenet(), [(1, 28, 28)]
    yield "resnet8a", resnet20("A", width=4, depth=1), [(3, 32, 32)]
    yield "resnet20a", resnet20("A"), [(3, 32, 32)]
    yield "resnet20b", resnet20("B"), [(3, 32, 32)]
    yield "se_mean", SqueezeExcite(8, Fn(lambda s, x: x.mean((2, 3)))), [(3, 9, 8)]
    yield "se_pool", SqueezeExcite(8, Fn(lambda s, x: F.adaptive_avg_pool2d(x, 1).view(x.shape[0], -1))), [(3, 9, 8)]
    yield (
        "shuffle",
        Fn(
            lambda s, x: s.l(shuffle(s.b(shuffle(s.a(x), 3)), 2).mean((2, 3))),
            a=nn.Conv2d(3, 12, 3, groups=3),
            b=nn.Conv2d(12, 12, 1, groups=3),
            l=nn.Linear(12, 4),
        ),
        [(3, 8, 7)],
    )
    yield "dense_block", dense_block(), [(3, 8, 8)]
    yield (
        "depthwise",
        nn.Sequential(
            depthwise(3, 8, 1, nn.ReLU6),
            depthwise(8, 12, 2, nn.Hardswish),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(12, 4),
        ),
        [(3, 12, 12)],
    )
    yield "audio", audio(), [(1, 400)]
    yield "mixer", Mixer(), [(3, 16, 16)]
    yield (
        "groupnorm",
        nn.Sequential(
            nn.Conv2d(3, 8, 3),
            nn.GroupNorm(4, 8),
            nn.ReLU(),
            nn.Conv2d(8, 6, 3),
            nn.InstanceNorm2d(6, affine=True),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(6, 3),
        ),
        [(3, 9, 9)],
    )
    yield (
        "bottleneck",
        torchvision.models.ResNet(
            torchvision.models.resnet.Bottleneck,
            [1, 2, 1, 1],
            num_classes=10,
            width_per_group=16,
            groups=2,
            replace_stride_with_dilation=[False, True, True],
        ),
        [(3, 64, 64)],
    )


LARGE = [
    "resnet18",
    "mobilenet_v2",
    "mobilenet_v3_small",
    "shufflenet_v2_x0_5",
    "squeezenet1_1",
    "efficientnet_b0",
    "densenet121",
    "googlenet",
    "mnasnet0_5",
    "regnet_y_400mf",
    "convnext_tiny",
    "vgg11_bn",
    "alexnet",
]


def export(model, shapes, path, exporter="script", batch=None, opset=17, dynamic=True, fold=True, external=False):
    torch.manual_seed(0)
    batch = batch or (2 if dynamic else 1)
    x = tuple(torch.randn(batch, *s) for s in shapes)
    names = [f"x{i}" for i in range(len(x))]
    if exporter == "script":
        axes = {n: {0: "N"} for n in names} if dynamic else None
        torch.onnx.export(
            model,
            x,
            str(path),
            dynamo=False,
            opset_version=opset,
            input_names=names,
            dynamic_axes=axes,
            do_constant_folding=fold,
        )
    else:
        n = torch.export.Dim("N", min=1, max=1024)
        spec = tuple({0: n} for _ in x)
        if isinstance(model, Fn):  # its forward takes *x
            spec = (spec,)
        torch.onnx.export(
            model,
            x,
            str(path),
            dynamo=True,
            opset_version=opset,
            input_names=names,
            dynamic_shapes=spec if dynamic else None,
            external_data=external,
            verbose=False,
        )


def halve(path, kind="float16", typed=False):
    """Stores the weights in half precision behind Casts; the reference keeps float with the same rounding."""
    import ml_dtypes

    model = onnx.load(path)
    reference = onnx.load(path)
    dtype, code = (
        (np.float16, onnx.TensorProto.FLOAT16) if kind == "float16" else (ml_dtypes.bfloat16, onnx.TensorProto.BFLOAT16)
    )
    casts = []
    for init, ref in zip(model.graph.initializer, reference.graph.initializer):
        if init.data_type != onnx.TensorProto.FLOAT:
            continue
        half = numpy_helper.to_array(init).astype(dtype)
        ref.CopyFrom(numpy_helper.from_array(half.astype(np.float32), init.name))
        name = init.name
        tensor = onnx.helper.make_tensor(name + "_half", code, half.shape, half.tobytes(), raw=True)
        if typed:
            tensor = onnx.helper.make_tensor(name + "_half", code, half.shape, half.astype(np.float32).flatten())
        init.CopyFrom(tensor)
        casts.append(onnx.helper.make_node("Cast", [name + "_half"], [name], to=onnx.TensorProto.FLOAT))
    nodes = casts + list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    onnx.save(model, path)
    other = path.with_name("reference.onnx")
    onnx.save(reference, other)
    return other


def main():
    folder = sys.argv[1]
    only = sys.argv[sys.argv.index("--only") + 1] if "--only" in sys.argv else ""
    maker = Maker(folder, only)
    torch.manual_seed(0)
    small = [*networks(), *((f"shape_{k}", m, s) for k, (m, s) in SHAPES.items()), *acts()]
    with torch.no_grad():
        for name, model, shapes in small:
            randomise(model)
            ways = {
                "script": dict(),
                "script_static1": dict(dynamic=False, batch=1),
                "script_static3": dict(dynamic=False, batch=3, opset=13),
                "script_op11": dict(opset=11),
                "script_op9": dict(opset=9),
                "script_unfolded": dict(opset=14, fold=False),
                "dynamo": dict(exporter="dynamo", opset=18),
                "dynamo_static1": dict(exporter="dynamo", opset=20, dynamic=False, batch=1),
                "dynamo_op23": dict(exporter="dynamo", opset=23, dynamic=False, batch=3),
            }
            if name.startswith(("act", "pool")):
                ways = {k: ways[k] for k in ("script", "script_op9", "dynamo_static1")}
            for way, options in ways.items():
                maker.case(
                    f"torch_{name}_{way}",
                    shapes,
                    lambda path: export(model, shapes, path, **options),
                    # From version 23 on it is an operator of its own.
                    refused=(name, way) == ("shape_heads_first", "dynamo_op23"),
                )
        for name, model, shapes in small[:3]:
            for kind in ("float16", "bfloat16"):
                for typed in (False, True):

                    def make(path):
                        export(model, shapes, path)
                        return halve(path, kind, typed)

                    maker.case(f"torch_{name}_{kind}_{'typed' if typed else 'raw'}", shapes, make)

            def make(path):
                export(model, shapes, path)
                m = onnx.load(path)
                onnx.save(
                    m,
                    path,
                    save_as_external_data=True,
                    all_tensors_to_one_file=True,
                    location="w.bin",
                    size_threshold=64,
                )

            maker.case(f"torch_{name}_external", shapes, make)

            def make(path):
                export(model, shapes, path)
                m = onnx.load(path)
                onnx.save(m, path, save_as_external_data=True, all_tensors_to_one_file=False, size_threshold=64)

            maker.case(f"torch_{name}_external_many", shapes, make)
        if "--large" in sys.argv:
            for name in LARGE:
                model = randomise(getattr(torchvision.models, name)(weights=None))
                shapes = [(3, 64, 64)] if name not in ("alexnet", "vgg11_bn") else [(3, 224, 224)]
                for way, options in {
                    "script": dict(),
                    "dynamo": dict(exporter="dynamo", opset=18),
                    "dynamo_external": dict(exporter="dynamo", opset=18, external=True, dynamic=False),
                }.items():
                    maker.case(
                        f"torchvision_{name}_{way}",
                        shapes,
                        lambda path: export(model, shapes, path, **options),
                        batches=(1, 3),
                        # Its dynamo export gathers by index over the whole batch.
                        refused=name == "convnext_tiny" and "dynamo" in way,
                    )
    maker.end()


main()
