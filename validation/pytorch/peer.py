"""PyTorch's side of every case in `neurohm-validation pytorch`: training and inference in float on the CPU.

usage: python peer.py --threads N        (see ../protocol.py)
"""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from protocol import serve, threads  # noqa: E402

THREADS = threads()

import torch  # noqa: E402

torch.set_num_threads(THREADS)


def about():
    return {"peer": "PyTorch", "version": torch.__version__, "python": sys.version.split()[0]}


def network(name):
    """The networks by name, with the shape of one sample as torch wants it."""
    from torch.nn import Conv2d, Flatten, Linear, MaxPool2d, ReLU, Sequential

    if name == "mlp":
        return Sequential(Linear(784, 256), ReLU(), Linear(256, 10)), (784,)
    if name == "cnn":
        return Sequential(
            Conv2d(1, 16, 3, padding=1), ReLU(), MaxPool2d(2),
            Conv2d(16, 32, 3, padding=1), ReLU(), MaxPool2d(2),
            Flatten(), Linear(7 * 7 * 32, 64), ReLU(), Linear(64, 10)), (1, 28, 28)
    if name == "resnet32":
        return ResNet32(), (3, 32, 32)
    raise ValueError(f"network {name}: mlp, cnn or resnet32")


class Block(torch.nn.Module):
    """Two 3x3 convolutions beside a shortcut, which is a 1x1 convolution where the width changes."""

    def __init__(self, before, width, stride):
        super().__init__()
        from torch.nn import BatchNorm2d, Conv2d, Sequential

        self.a = Sequential(Conv2d(before, width, 3, stride, 1, bias=False), BatchNorm2d(width))
        self.b = Sequential(Conv2d(width, width, 3, 1, 1, bias=False), BatchNorm2d(width))
        self.short = None
        if stride != 1 or before != width:
            self.short = Sequential(Conv2d(before, width, 1, stride, bias=False), BatchNorm2d(width))

    def forward(self, x):
        y = self.b(torch.relu(self.a(x)))
        return torch.relu(y + (x if self.short is None else self.short(x)))


class ResNet32(torch.nn.Module):
    """Widths 16, 28, 56, five blocks each; layers in the order in which neurohm's graph has them."""

    def __init__(self):
        super().__init__()
        from torch.nn import BatchNorm2d, Conv2d, Linear, Sequential

        self.first = Sequential(Conv2d(3, 16, 3, 1, 1, bias=False), BatchNorm2d(16))
        blocks, before = [], 16
        for width in (16, 28, 56):
            for i in range(5):
                blocks.append(Block(before, width, 2 if i == 0 and width > 16 else 1))
                before = width
        self.blocks = Sequential(*blocks)
        self.scores = Linear(56, 10)

    def forward(self, x):
        return self.scores(self.blocks(torch.relu(self.first(x))).mean((2, 3)))

    def tensors(self):
        """Every parameter and running statistic in the order of neurohm's graph."""
        out = []
        for m in self.modules():
            if isinstance(m, torch.nn.Conv2d):
                w = m.weight.detach()
                out.append(w.permute(2, 3, 1, 0).reshape(-1, w.shape[0]).contiguous())
            elif isinstance(m, torch.nn.BatchNorm2d):
                out += [m.weight.detach().clone(), m.bias.detach().clone(),
                        m.running_mean.clone(), m.running_var.clone()]
            elif isinstance(m, torch.nn.Linear):
                out += [m.weight.detach().T.contiguous(), m.bias.detach().clone()]
        return out


def wire(module, index):
    """Weight and bias as neurohm's graph holds them: `[inputs, outputs]`, images channels last."""
    w = module.weight.detach()
    if w.dim() == 4:  # (out, in, kh, kw) -> rows in (kh, kw, in) order
        w = w.permute(2, 3, 1, 0).reshape(-1, w.shape[0])
    elif index is not None:  # the dense layer behind a flattening of (channel, h, w)
        c, h, wide = index
        w = w.reshape(-1, c, h, wide).permute(2, 3, 1, 0).reshape(-1, w.shape[0])
    else:
        w = w.T
    return w.contiguous(), module.bias.detach().clone()


class Network:
    """One step is one pass over `samples` samples in minibatches of `batch`, in the order they came in."""

    def __init__(self, net, samples, batch, train, momentum=0.9, rate=0.05, seed=1):
        torch.manual_seed(seed)
        self.model, shape = network(net)
        self.net = net
        self.x = torch.rand(samples, *shape)
        self.y = torch.randint(0, 10, (samples,))
        self.batch, self.train = batch, train
        self.optimiser = torch.optim.SGD(self.model.parameters(), rate, momentum=momentum)
        self.loss = torch.nn.CrossEntropyLoss()

    def step(self):
        self.model.train(self.train)
        if self.train:
            for x, y in zip(self.x.split(self.batch), self.y.split(self.batch)):
                self.optimiser.zero_grad()
                self.loss(self.model(x), y).backward()
                self.optimiser.step()
        else:
            with torch.no_grad():
                for x in self.x.split(self.batch):
                    self.model(x)

    def case(self):
        x = self.x if self.x.dim() == 2 else self.x.permute(0, 2, 3, 1).contiguous()
        return {"x": x, "y": self.y}

    def parameters(self):
        if self.net == "resnet32":
            return {"tensors": self.model.tensors()}
        layers, flat = [], None
        for m in self.model:
            if hasattr(m, "weight"):
                w, b = wire(m, flat)
                layers.append({"weight": w, "bias": b})
                flat = None
            elif isinstance(m, torch.nn.Flatten):
                flat = (32, 7, 7)
        return {"layers": layers}

    def outputs(self):
        self.model.eval()
        with torch.no_grad():
            return {"y": self.model(self.x)}

    def whole_batch_steps(self, steps):
        """Parameters after so many steps on all samples as one minibatch: an order-free test of the gradients
        and the optimiser."""
        self.batch = len(self.x)
        for _ in range(steps):
            self.step()
        return self.parameters()


serve(about, {"network": Network})
