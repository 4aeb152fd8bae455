"""onnxruntime's side of every case in `neurohm-validation onnxruntime`: networks in float on the CPU.

usage: python peer.py --threads N        (see ../protocol.py)

The networks are written here with `onnx.helper` and random weights, in the layout PyTorch exports (NCHW), so that
the case needs neither PyTorch nor a file.
"""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from protocol import serve, threads  # noqa: E402

THREADS = threads()

import numpy as np  # noqa: E402
import onnx  # noqa: E402
import onnxruntime  # noqa: E402
from onnx import TensorProto, helper, numpy_helper  # noqa: E402


def about():
    return {"peer": "onnxruntime", "version": onnxruntime.__version__, "onnx": onnx.__version__,
            "numpy": np.__version__, "python": sys.version.split()[0]}


class Builder:
    """Appends nodes to a graph; every method takes and returns names of values."""

    def __init__(self, shape, seed):
        self.rng, self.nodes, self.weights = np.random.default_rng(seed), [], []
        self.shape = shape

    def parameter(self, *shape, scale=1.0, offset=0.0):
        name = f"w{len(self.weights)}"
        value = (offset + scale * self.rng.standard_normal(shape)).astype(np.float32)
        self.weights.append(numpy_helper.from_array(value, name))
        return name

    def node(self, kind, *inputs, **attributes):
        name = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], name=f"n{len(self.nodes)}", **attributes))
        return name

    def relu(self, x):
        return self.node("Relu", x)

    def dense(self, x, i, o):
        return self.node("Gemm", x, self.parameter(o, i, scale=(2 / i) ** 0.5), self.parameter(o), transB=1)

    def conv(self, x, i, o, k=3, stride=1, groups=1):
        w = self.parameter(o, i // groups, k, k, scale=(2 * groups / (i * k * k)) ** 0.5)
        return self.node("Conv", x, w, kernel_shape=[k, k], strides=[stride] * 2, pads=[k // 2] * 4, group=groups)

    def norm(self, x, c):
        gamma, beta, mean = self.parameter(c, scale=0.1, offset=1), self.parameter(c, scale=0.1), self.parameter(c, scale=0.1)
        variance = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(self.rng.uniform(0.5, 1.5, c).astype(np.float32), variance))
        return self.node("BatchNormalization", x, gamma, beta, mean, variance)

    def pool(self, x):
        return self.node("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2])

    def head(self, x, c, classes=10):
        return self.dense(self.node("Flatten", self.node("GlobalAveragePool", x)), c, classes)

    def model(self, out):
        x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", *self.shape])
        y = helper.make_tensor_value_info(out, TensorProto.FLOAT, ["batch", 10])
        graph = helper.make_graph(self.nodes, "network", [x], [y], self.weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        onnx.checker.check_model(model)
        return model.SerializeToString()


def mlp():
    b = Builder((784,), 1)
    x = b.relu(b.dense("x", 784, 256))
    x = b.relu(b.dense(x, 256, 128))
    return b, b.dense(x, 128, 10)


def cnn():
    b = Builder((1, 28, 28), 2)
    x = b.pool(b.relu(b.conv("x", 1, 16)))
    x = b.node("Flatten", b.pool(b.relu(b.conv(x, 16, 32))))
    return b, b.dense(b.relu(b.dense(x, 32 * 49, 64)), 64, 10)


def resnet20():
    """He et al. 2016 for 32x32 images, projection shortcuts."""
    b = Builder((3, 32, 32), 3)
    x, i = b.relu(b.norm(b.conv("x", 3, 16), 16)), 16
    for o in (16, 32, 64):
        for k in range(3):
            stride = 2 if o > i else 1
            y = b.relu(b.norm(b.conv(x, i, o, stride=stride), o))
            y = b.norm(b.conv(y, o, o), o)
            short = x if o == i else b.norm(b.conv(x, i, o, k=1, stride=stride), o)
            x, i = b.relu(b.node("Add", y, short)), o
    return b, b.head(x, 64)


def depthwise():
    """Separable convolutions as in MobileNet (Howard et al. 2017)."""
    b = Builder((3, 32, 32), 4)
    x, i = b.relu(b.norm(b.conv("x", 3, 32), 32)), 32
    for o, stride in ((64, 1), (128, 2), (128, 1)):
        x = b.relu(b.norm(b.conv(x, i, i, stride=stride, groups=i), i))
        x, i = b.relu(b.norm(b.conv(x, i, o, k=1), o)), o
    return b, b.head(x, 128)


class Network:
    def __init__(self, name, batch, seed=1):
        builder, out = {"mlp": mlp, "cnn": cnn, "resnet20": resnet20, "depthwise": depthwise}[name]()
        self.bytes = builder.model(out)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = THREADS, 1
        # Its threads spin while they wait for the next call; they must not when the other side has its turn.
        options.add_session_config_entry("session.force_spinning_stop", "1")
        self.session = onnxruntime.InferenceSession(self.bytes, options, providers=["CPUExecutionProvider"])
        self.x = np.random.default_rng(seed).standard_normal((batch, *builder.shape)).astype(np.float32)

    def step(self):
        self.y = self.session.run(None, {"x": self.x})[0]

    def case(self):
        return {"model": self.bytes, "x": self.x}

    def outputs(self):
        self.step()
        return {"y": self.y}


serve(about, {"network": Network})
