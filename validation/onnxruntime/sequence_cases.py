"""Makes the ONNX cases of sequences: recurrent layers, transformers and 1-D networks as PyTorch exports them.

usage: python sequence_cases.py FOLDER [--only PART] [--trace]        (torch, onnx, onnxscript, onnxruntime, numpy)
"""

import contextlib
import io
import sys
import warnings

import onnx
import torch
import torch.nn as nn
import torch.nn.functional as F

from cases import Maker

warnings.filterwarnings("ignore")
torch.backends.mha.set_fastpath_enabled(False)
torch.set_num_threads(1)


class Fn(nn.Module):
    """A module of layers and a function that uses them."""

    def __init__(self, f, **layers):
        super().__init__()
        self.f = f
        for name, layer in layers.items():
            if isinstance(layer, torch.Tensor):
                self.register_parameter(name, nn.Parameter(layer))
            else:
                self.add_module(name, layer)

    def forward(self, *x):
        return self.f(self, *x)


def randomise(model):
    """Norms and statistics that matter."""
    g = torch.Generator().manual_seed(1)
    for m in model.modules():
        if isinstance(m, nn.modules.batchnorm._BatchNorm):
            m.running_mean.copy_(torch.randn(m.num_features, generator=g) * 0.3)
            m.running_var.copy_(torch.rand(m.num_features, generator=g) + 0.5)
        if isinstance(m, (nn.modules.batchnorm._BatchNorm, nn.LayerNorm)) and m.weight is not None:
            m.weight.data.copy_(torch.rand(m.weight.shape, generator=g) + 0.5)
            m.bias.data.copy_(torch.randn(m.bias.shape, generator=g) * 0.3)
    return model.eval()


class RMSNorm(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.w = nn.Parameter(torch.rand(d) + 0.5)

    def forward(self, x):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6) * self.w


class ViT(nn.Module):
    """A vision transformer (Dosovitskiy et al. 2021) for 16 x 16 pixels."""

    def __init__(self, dim=16, heads=4, depth=2, patch=4):
        super().__init__()
        self.patches = nn.Conv2d(3, dim, patch, patch)
        self.token = nn.Parameter(torch.randn(1, 1, dim) * 0.5)
        self.place = nn.Parameter(torch.randn(1, 17, dim) * 0.5)
        layer = nn.TransformerEncoderLayer(dim, heads, 2 * dim, activation="gelu", batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, depth, enable_nested_tensor=False)
        self.norm, self.head = nn.LayerNorm(dim), nn.Linear(dim, 5)

    def forward(self, x):
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], 1) + self.place
        return self.head(self.norm(self.encoder(x))[:, 0])


class Tokens(nn.Module):
    """A token classifier whose padding (token 0) is masked."""

    def __init__(self, words=30, dim=16, heads=2, masked=True):
        super().__init__()
        self.words, self.place, self.masked = nn.Embedding(words, dim), nn.Embedding(7, dim), masked
        layer = nn.TransformerEncoderLayer(dim, heads, 32, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)
        self.head = nn.Linear(dim, 3)

    def forward(self, ids):
        x = self.words(ids) + self.place(torch.arange(7))
        x = self.encoder(x, src_key_padding_mask=(ids == 0) if self.masked else None)
        return self.head(x.mean(1))


def bert_mask(s, ids):
    """Attention with the additive mask of BERT: (1 - mask) * min."""
    keep = (ids != 0).to(torch.float32)
    mask = (1.0 - keep[:, None, None, :]) * torch.finfo(torch.float32).min
    x = s.e(ids)
    q, k, v = (l(x).view(x.shape[0], 6, 2, 8).transpose(1, 2) for l in (s.q, s.k, s.v))
    y = F.softmax(q @ k.transpose(2, 3) / 8**0.5 + mask, -1) @ v
    return s.o(y.transpose(1, 2).reshape(x.shape[0], 6, 16)).mean(1)


def causal(s, x):
    q, k, v = (l(x).view(x.shape[0], 6, 2, 8).transpose(1, 2) for l in (s.q, s.k, s.v))
    y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
    return s.o(y.transpose(1, 2).reshape(x.shape))


def filled(s, x):
    mask = torch.triu(torch.ones(6, 6, dtype=torch.bool), 1)
    q, k = s.q(x), s.k(x)
    return F.softmax((q @ k.transpose(1, 2)).masked_fill(mask, -1e9), -1) @ s.v(x)


def einsum(s, x):
    q, k, v = (l(x).view(x.shape[0], 6, 2, 8) for l in (s.q, s.k, s.v))
    a = F.softmax(torch.einsum("bqhd,bkhd->bhqk", q, k) / 8**0.5, -1)
    y = torch.einsum("bhqk,bkhd->bqhd", a, v)
    return torch.einsum("bqhd,hde->bqe", y, s.w)


def attention_layers(**more):
    return dict(q=nn.Linear(16, 16), k=nn.Linear(16, 16), v=nn.Linear(16, 16), o=nn.Linear(16, 16), **more)


def last(cell):
    """Class scores from the last hidden state."""
    return Fn(lambda s, x: s.head(s.cell(x)[0][:, -1]), cell=cell, head=nn.Linear(cell.hidden_size * (2 if cell.bidirectional else 1), 4))


def depthwise(i, o, stride):
    return [nn.Conv2d(i, i, 3, stride, 1, groups=i, bias=False), nn.BatchNorm2d(i), nn.ReLU(),
            nn.Conv2d(i, o, 1, bias=False), nn.BatchNorm2d(o), nn.ReLU()]


def inverted(i, o, stride, wide=3):
    """MobileNetV2's block."""
    layers = nn.Sequential(nn.Conv2d(i, wide * i, 1, bias=False), nn.BatchNorm2d(wide * i), nn.ReLU6(),
                           nn.Conv2d(wide * i, wide * i, 3, stride, 1, groups=wide * i, bias=False), nn.BatchNorm2d(wide * i),
                           nn.ReLU6(), nn.Conv2d(wide * i, o, 1, bias=False), nn.BatchNorm2d(o))
    return Fn((lambda s, x: x + s.l(x)) if i == o and stride == 1 else (lambda s, x: s.l(x)), l=layers)


def m5(c=8):
    """The audio network of Dai et al. 2017, narrow."""
    def part(i, o, k, stride=1):
        return [nn.Conv1d(i, o, k, stride), nn.BatchNorm1d(o), nn.ReLU(), nn.MaxPool1d(4)]
    return nn.Sequential(*part(1, c, 40, 8), *part(c, c, 3), *part(c, 2 * c, 3), nn.AdaptiveAvgPool1d(1), nn.Flatten(),
                         nn.Linear(2 * c, 5), nn.LogSoftmax(-1))


def decoder():
    """An encoder and decoder with transposed convolutions of several kinds and a skip."""
    def f(s, x):
        a = F.relu(s.a(x))
        b = F.relu(s.b(a))
        return s.e(torch.cat([F.relu(s.c(b)), a], 1)) + s.d(b)[..., :8, :8]
    return Fn(f, a=nn.Conv2d(3, 6, 3, padding=1), b=nn.Conv2d(6, 8, 3, 2, 1), c=nn.ConvTranspose2d(8, 6, 2, 2),
              d=nn.ConvTranspose2d(8, 4, 3, 2, 1, output_padding=1, groups=2), e=nn.Conv2d(12, 4, 1))


def cases():
    """name, module, shapes of inputs without the batch, number of tokens or None, which axes are the batch"""
    plain = dict(tokens=None, places=((), ()))
    for kind in ("LSTM", "GRU", "RNN"):
        net = getattr(nn, kind)
        yield f"{kind.lower()}", last(net(5, 8, batch_first=True)), [(6, 5)], plain
        yield f"{kind.lower()}_deep", last(net(5, 6, 2, batch_first=True, bidirectional=True)), [(6, 5)], plain
        steps = Fn(lambda s, x: s.head(s.cell(x)[0]), cell=net(5, 8, bidirectional=True), head=nn.Linear(16, 3))
        yield f"{kind.lower()}_steps_first", steps, [(6, 5)], dict(tokens=None, places=((1,), (1,)))
    yield "lstm_states", Fn(lambda s, x: torch.cat([s.cell(x)[1][0][-1], s.cell(x)[1][1][0]], 1), cell=nn.LSTM(5, 8, 2, batch_first=True)), [(6, 5)], plain
    zeros = lambda s, x: s.head(s.cell(x, (torch.zeros(1, x.shape[0], 8), s.c.expand(1, x.shape[0], 8)))[0][:, -1])
    yield "lstm_initial", Fn(zeros, cell=nn.LSTM(5, 8, batch_first=True), head=nn.Linear(8, 3), c=torch.randn(1, 1, 8)), [(6, 5)], plain
    yield "lstm_image", Fn(lambda s, x: s.head(s.cell(x.squeeze(1))[0][:, -1]), cell=nn.LSTM(8, 8, batch_first=True), head=nn.Linear(8, 3)), [(1, 8, 8)], plain
    crnn = Fn(lambda s, x: s.head(s.cell(s.conv(x).transpose(1, 2))[1][0]), conv=nn.Conv1d(4, 6, 3, padding=1), cell=nn.GRU(6, 7, batch_first=True), head=nn.Linear(7, 3))
    crnn.f = lambda s, x: s.head(s.cell(s.conv(x).transpose(1, 2))[1].squeeze(0))
    yield "conv_gru", crnn, [(4, 9)], plain
    yield "words_lstm", Fn(lambda s, i: s.head(s.cell(s.e(i))[0][:, -1]), e=nn.Embedding(20, 6), cell=nn.LSTM(6, 8, batch_first=True), head=nn.Linear(8, 3)), [(7,)], dict(tokens=20, places=((), ()))

    encoder = lambda first, norm_first=False, act="relu": nn.TransformerEncoder(nn.TransformerEncoderLayer(16, 4, 32, batch_first=first, norm_first=norm_first, activation=act), 2, enable_nested_tensor=False)
    yield "encoder", Fn(lambda s, x: s.h(s.e(x).mean(1)), e=encoder(True, act="gelu"), h=nn.Linear(16, 5)), [(6, 16)], plain
    yield "encoder_norm_first", Fn(lambda s, x: s.h(s.e(x)[:, 0]), e=encoder(True, True), h=nn.Linear(16, 5)), [(6, 16)], plain
    yield "encoder_steps_first", Fn(lambda s, x: s.h(s.e(x.transpose(0, 1)).mean(0)), e=encoder(False), h=nn.Linear(16, 5)), [(6, 16)], plain
    yield "multihead", Fn(lambda s, x: s.a(x, x, x, need_weights=False)[0], a=nn.MultiheadAttention(16, 4, batch_first=True)), [(6, 16)], plain
    yield "multihead_weights", Fn(lambda s, x: s.a(x, x, x), a=nn.MultiheadAttention(16, 4, batch_first=True)), [(6, 16)], plain
    yield "multihead_cross", Fn(lambda s, x, y: s.a(x, y, y, need_weights=False)[0], a=nn.MultiheadAttention(16, 4, batch_first=True, kdim=10, vdim=10)), [(6, 16), (4, 10)], plain
    yield "vit", ViT(), [(3, 16, 16)], plain
    yield "tokens", Tokens(masked=False), [(7,)], dict(tokens=30, places=((), ()))
    yield "tokens_masked", Tokens(), [(7,)], dict(tokens=30, places=((), ()))
    yield "bert_mask", Fn(bert_mask, e=nn.Embedding(9, 16), **attention_layers()), [(6,)], dict(tokens=9, places=((), ()))
    yield "causal", Fn(causal, **attention_layers()), [(6, 16)], plain
    yield "filled", Fn(filled, **attention_layers()), [(6, 16)], plain
    yield "einsum", Fn(einsum, w=torch.randn(2, 8, 16) * 0.3, **attention_layers()), [(6, 16)], plain
    yield "rms_norm", Fn(lambda s, x: s.l(s.n(x)) + s.l(s.m(x)), n=RMSNorm(16), m=nn.RMSNorm(16), l=nn.Linear(16, 3)), [(6, 16)], plain
    decoder_layer = nn.TransformerDecoderLayer(16, 4, 32, batch_first=True)
    yield "cross", Fn(lambda s, x, y: s.d(x, y), d=decoder_layer), [(5, 16), (6, 16)], plain

    mobile = [nn.Conv2d(3, 8, 3, 2, 1, bias=False), nn.BatchNorm2d(8), nn.ReLU6(), inverted(8, 8, 1), inverted(8, 12, 2),
              inverted(12, 12, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(12, 5)]
    yield "mobile", nn.Sequential(*mobile), [(3, 16, 16)], plain
    yield "m5", m5(), [(1, 1600)], plain
    ds = [nn.Conv2d(1, 8, (10, 4), 2, (5, 1), bias=False), nn.BatchNorm2d(8), nn.ReLU(), *depthwise(8, 8, 1), *depthwise(8, 12, 1),
          nn.AvgPool2d((25, 5)), nn.Flatten(), nn.Linear(12, 6)]
    yield "ds_cnn", nn.Sequential(*ds), [(1, 49, 10)], plain
    yield "decoder", decoder(), [(3, 8, 8)], plain
    yield "signal_decoder", nn.Sequential(nn.Conv1d(2, 4, 4, 2, 1), nn.ReLU(), nn.ConvTranspose1d(4, 3, 4, 2, 1)), [(2, 10)], plain


def bare(path):
    """Drops what tells of the machine: traces of calls, and with them most of the file."""
    model = onnx.load(path)
    for part in (model, model.graph, *model.graph.node, *model.graph.input, *model.graph.output, *model.graph.initializer):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
    model.graph.ClearField("value_info")
    onnx.save(model, path)


def export(module, shapes, tokens, places, dynamo, opset):
    def write(path):
        torch.manual_seed(2)
        batch = 2
        inputs = [torch.randint(0, tokens, (batch, *s)) if tokens else torch.randn(batch, *s) for s in shapes]
        inputs = [torch.movedim(x, 0, p) for x, p in zip(inputs, (*places[0], *[0] * 9))]
        names = [f"x{i}" for i in range(len(inputs))]
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            if dynamo:
                dim = torch.export.Dim("batch", min=1, max=1024)
                dynamic = tuple({p: dim} for p in (*places[0], *[0] * 9)[: len(inputs)])
                # Fn takes *x, which is one argument.
                torch.onnx.export(module, tuple(inputs), path, opset_version=opset, dynamo=True, external_data=False,
                                  input_names=names, dynamic_shapes=(dynamic,) if isinstance(module, Fn) else dynamic)
            else:
                axes = {n: {p: "batch"} for n, p in zip(names, (*places[0], *[0] * 9))}
                outputs = module(*inputs)
                outputs = outputs if isinstance(outputs, tuple) else (outputs,)
                made = [f"y{i}" for i in range(len(outputs))]
                axes |= {n: {p: "batch"} for n, p in zip(made, (*places[1], *[0] * 9))}
                torch.onnx.export(module, tuple(inputs), path, opset_version=opset, dynamo=False, input_names=names, output_names=made,
                                  dynamic_axes=axes)
        bare(path)

    return write


m = Maker(sys.argv[1], sys.argv[sys.argv.index("--only") + 1] if "--only" in sys.argv else "")
for name, module, shapes, how in cases():
    with torch.no_grad():
        torch.manual_seed(3)
        module = randomise(module)
        for way, dynamo, opset in [("script", False, 17), ("script_op20", False, 20), ("dynamo", True, 18), ("dynamo_op20", True, 20)]:
            m.case(f"seq_{name}_{way}", shapes, export(module, shapes, how["tokens"], how["places"], dynamo, opset), **how)
m.end()
