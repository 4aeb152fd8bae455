"""Makes the ONNX cases of Keras: usage: python keras_cases.py FOLDER [--only PART] [--large] [--trace]

Each network twice: by tf2onnx from a traced function, and by `model.export(format="onnx")`.
"""

import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = ""

import keras
import numpy as np
import onnx
import tensorflow as tf
import tf2onnx
from keras import layers as L

from cases import Maker


def randomise(model):
    rng = np.random.default_rng(1)
    for w in model.weights:
        if not w.dtype.startswith("float"):
            continue
        if w.name in ("moving_variance", "gamma"):
            w.assign(rng.uniform(0.5, 1.5, w.shape))
        elif w.name in ("moving_mean", "beta", "bias"):
            w.assign(rng.normal(0, 0.2, w.shape))
    return model


def conv_bn(x, n, stride=1, act="relu", axis=-1, **how):
    x = L.Conv2D(n, 3, stride, padding="same", use_bias=False, **how)(x)
    x = L.BatchNormalization(axis=axis)(x)
    return L.Activation(act)(x) if act else x


def resnet(width=8, depth=2, shape=(32, 32, 3), layout="channels_last"):
    axis = -1 if layout == "channels_last" else 1
    how = {"data_format": layout}
    x = inputs = L.Input(shape)
    x = conv_bn(x, width, axis=axis, **how)
    for stage in range(3):
        for k in range(depth):
            n, stride = width << stage, 2 if stage and not k else 1
            y = conv_bn(x, n, stride, axis=axis, **how)
            y = conv_bn(y, n, act=None, axis=axis, **how)
            if x.shape[axis] != n:
                x = L.Conv2D(n, 1, stride, padding="same", **how)(x)
            x = L.ReLU()(L.Add()([x, y]))
    x = L.GlobalAveragePooling2D(**how)(x)
    return keras.Model(inputs, L.Dense(10, activation="softmax")(x))


def net(shape, f):
    inputs = L.Input(shape)
    return keras.Model(inputs, f(inputs))


def sequence(*stack):
    def f(x):
        for layer in stack:
            x = layer(x)
        return x

    return f


def squeeze_excite(x):
    x = L.Conv2D(8, 3, padding="same", activation="swish")(x)
    s = L.GlobalAveragePooling2D(keepdims=True)(x)
    s = L.Conv2D(2, 1, activation="relu")(s)
    s = L.Conv2D(8, 1, activation="hard_sigmoid")(s)
    x = L.Multiply()([x, s])
    s = L.GlobalAveragePooling2D()(x)
    s = L.Reshape((1, 1, 8))(L.Dense(8, activation="sigmoid")(s))
    return L.Dense(4)(L.Flatten()(L.Multiply()([x, s])))


def dense_net(x):
    for _ in range(3):
        y = L.Conv2D(4, 3, padding="same")(L.ReLU()(L.BatchNormalization()(x)))
        x = L.Concatenate()([x, y])
    return L.Dense(5)(L.Flatten()(L.AveragePooling2D(2)(L.Conv2D(4, 1)(x))))


def gelu(x):
    # tf2onnx does not know the exact one's Erfc.
    return keras.activations.gelu(x, approximate=True)


def mixer(x):
    x = L.Reshape((16, -1))(L.Conv2D(12, 4, 4)(x))
    y = L.Permute((2, 1))(L.LayerNormalization()(x))
    y = L.Dense(16)(L.Dense(20, activation=gelu)(y))
    x = L.Add()([x, L.Permute((2, 1))(y)])
    x = L.Add()([x, L.Dense(12)(L.Dense(24, activation=gelu)(L.LayerNormalization()(x)))])
    return L.Dense(7)(L.GlobalAveragePooling1D()(x))


# What neurohm must refuse: the batch is dropped, or taken for another axis because its length is 1.
REFUSED = ("keras_timed_tf2onnx_static", "keras_merges_tf2onnx_static")
ACTS = [
    "relu",
    "relu6",
    "elu",
    "selu",
    "gelu",
    "swish",
    "mish",
    "tanh",
    "sigmoid",
    "hard_sigmoid",
    "hard_silu",
    "softplus",
    "softsign",
    "softmax",
    "log_softmax",
    "exponential",
    "leaky_relu",
    "celu",
    "hard_tanh",
    "squareplus",
]


def networks():
    yield (
        "mlp",
        lambda: keras.Sequential(
            [
                L.Input((20,)),
                L.Dense(16, activation="relu"),
                L.Dropout(0.2),
                L.BatchNormalization(),
                L.Dense(8, activation="tanh"),
                L.Dense(4, activation="softmax"),
            ]
        ),
    )
    yield (
        "lenet",
        lambda: keras.Sequential(
            [
                L.Input((28, 28, 1)),
                L.Conv2D(6, 5, padding="same", activation="relu"),
                L.MaxPooling2D(),
                L.Conv2D(16, 5, activation="relu"),
                L.MaxPooling2D(),
                L.Flatten(),
                L.Dense(32, activation="relu"),
                L.Dense(10, activation="softmax"),
            ]
        ),
    )
    yield "resnet32", lambda: resnet()
    yield (
        "upsampling",
        lambda: net(
            (6, 7, 3),
            sequence(
                L.Conv2D(4, 3, padding="same"),
                L.LeakyReLU(),
                L.UpSampling2D(2),
                L.Conv2D(4, 3),
                L.PReLU(shared_axes=[1, 2]),
                L.UpSampling2D((1, 2), interpolation="bilinear"),
                L.GlobalAveragePooling2D(),
            ),
        ),
    )
    yield "attention", lambda: net((6, 8), lambda x: L.Dense(4)(L.Flatten()(L.Add()([x, L.Attention()([x, L.Dense(8)(x)])]))))
    yield "heads", lambda: net((6, 8), lambda x: L.Dense(4)(L.Flatten()(L.MultiHeadAttention(2, 4)(x, x))))
    yield "resnet8", lambda: resnet(width=4, depth=1)
    yield "resnet32_first", lambda: resnet(shape=(3, 32, 32), layout="channels_first")
    yield (
        "flatten_first",
        lambda: net(
            (3, 8, 8),
            sequence(
                L.Conv2D(4, 3, data_format="channels_first"),
                L.MaxPooling2D(2, data_format="channels_first"),
                L.Flatten(data_format="channels_first"),
                L.Dense(5),
            ),
        ),
    )
    yield (
        "depthwise",
        lambda: net(
            (12, 12, 3),
            sequence(
                L.ZeroPadding2D(((0, 1), (0, 1))),
                L.Conv2D(8, 3, 2),
                L.ReLU(6.0),
                L.DepthwiseConv2D(3, padding="same"),
                L.BatchNormalization(),
                L.ReLU(6.0),
                L.SeparableConv2D(12, 3, 2, padding="same"),
                L.GlobalMaxPooling2D(),
                L.Dense(4),
            ),
        ),
    )
    yield (
        "conv1d",
        lambda: net(
            (64, 2),
            sequence(
                L.Conv1D(8, 5, 2, padding="same"),
                L.BatchNormalization(),
                L.ReLU(),
                L.MaxPooling1D(2),
                L.Conv1D(6, 3, dilation_rate=2, padding="causal"),
                L.AveragePooling1D(3, 2, padding="same"),
                L.GlobalAveragePooling1D(),
                L.Dense(3),
            ),
        ),
    )
    yield "separable1d", lambda: net((40, 3), sequence(L.SeparableConv1D(8, 5), L.GlobalMaxPooling1D(), L.Dense(3)))
    yield "squeeze_excite", lambda: net((8, 7, 3), squeeze_excite)
    yield "dense_net", lambda: net((8, 8, 3), dense_net)
    yield "mixer", lambda: net((16, 16, 3), mixer)
    yield "dense3d", lambda: net((5, 6), sequence(L.Dense(8, activation="relu"), L.Dense(3), L.Flatten(), L.Dense(2)))
    yield "dense4d", lambda: net((4, 5, 6), sequence(L.Dense(8, activation="relu"), L.Dense(3)))
    yield (
        "pads",
        lambda: net(
            (9, 8, 3),
            sequence(
                L.Conv2D(4, 3, 2, padding="same"),
                L.MaxPooling2D(3, 2, padding="same"),
                L.AveragePooling2D(3, 1, padding="same"),
                L.Cropping2D(((0, 1), (1, 0))),
                L.ZeroPadding2D(2),
                L.Conv2D(3, (2, 3), dilation_rate=2),
            ),
        ),
    )
    yield "groups", lambda: net((8, 8, 6), sequence(L.Conv2D(9, 3, groups=3), L.GroupNormalization(3), L.ReLU()))
    yield (
        "prelu",
        lambda: net(
            (6, 6, 3),
            sequence(
                L.Conv2D(4, 3),
                L.PReLU(),
                L.Conv2D(4, 3),
                L.PReLU(shared_axes=[1, 2]),
                L.Flatten(),
                L.Dense(2),
                L.LeakyReLU(0.2),
            ),
        ),
    )
    yield (
        "layernorm",
        lambda: net(
            (6, 6, 3),
            sequence(L.Conv2D(4, 3), L.LayerNormalization(), L.ReLU(), L.Flatten(), L.Dense(3), L.UnitNormalization()),
        ),
    )
    yield (
        "rescale",
        lambda: net(
            (8, 8, 3),
            sequence(
                L.Rescaling(1 / 127.5, -1.0),
                L.Conv2D(4, 3),
                L.Permute((3, 1, 2)),
                L.Reshape((4, 36)),
                L.Permute((2, 1)),
                L.Dense(2),
            ),
        ),
    )
    yield (
        "merges",
        lambda: net(
            (6,),
            lambda x: L.Concatenate()(
                [
                    L.Maximum()([L.Dense(4)(x), L.Dense(4)(x)]),
                    L.Average()([L.Dense(4)(x), L.Dense(4)(x), L.Dense(4)(x)]),
                    L.Subtract()([L.Dense(4)(x), L.Dense(4)(x)]),
                    L.Minimum()([L.Dense(2)(x), L.Dense(2)(x)]),
                ]
            ),
        ),
    )
    yield "bgr", lambda: net((6, 6, 3), lambda x: L.Conv2D(4, 3)(x[..., ::-1]))
    yield (
        "two_outputs",
        lambda: net((8, 8, 2), lambda x: [L.Dense(3)(L.Flatten()(L.Conv2D(3, 3)(x))), L.Conv2D(2, 3)(x)]),
    )
    yield "repeat", lambda: net((6,), sequence(L.Dense(4), L.RepeatVector(5), L.Conv1D(3, 3), L.Flatten(), L.Dense(2)))
    yield (
        "timed",
        lambda: net(
            (4, 6),
            sequence(
                L.TimeDistributed(L.Dense(5)),
                L.ReLU(),
                L.GlobalMaxPooling1D(),
            ),
        ),
    )
    for act in ACTS:
        yield f"act_{act}", lambda act=act: net((5, 5, 2), sequence(L.Conv2D(6, 3), L.Activation(act)))


def large():
    A = keras.applications
    how = dict(weights=None, input_shape=(64, 64, 3), classes=10)
    for f in (A.MobileNetV2, A.MobileNetV3Small, A.ResNet50V2, A.EfficientNetB0, A.DenseNet121, A.ConvNeXtTiny):
        yield f.__name__.lower(), lambda f=f: f(**how)
    yield "xception", lambda: A.Xception(weights=None, input_shape=(96, 96, 3), classes=10)


def by_tf2onnx(model, path, batch=None, opset=17, nchw=False):
    spec = [tf.TensorSpec((batch, *i.shape[1:]), tf.float32, name=f"x{k}") for k, i in enumerate(model.inputs)]
    function = tf.function(lambda *x: model(x[0] if len(x) == 1 else list(x), training=False), input_signature=spec)
    names = [s.name for s in spec]
    proto, _ = tf2onnx.convert.from_function(
        function, input_signature=spec, opset=opset, inputs_as_nchw=names if nchw else None
    )
    onnx.save(proto, path)


def main():
    folder = sys.argv[1]
    only = sys.argv[sys.argv.index("--only") + 1] if "--only" in sys.argv else ""
    maker = Maker(folder, only)
    for source, batches in ((networks(), (1, 3, 17)), (large() if "--large" in sys.argv else (), (1, 3))):
        for name, make in source:
            keras.utils.set_random_seed(1)
            keras.backend.clear_session()
            model = randomise(make())
            shapes = [tuple(i.shape[1:]) for i in model.inputs]

            def case(way, shapes, export, **how):
                full = f"keras_{name}_{way}"
                maker.case(full, shapes, export, refused=full.startswith(REFUSED), **how)

            case("tf2onnx", shapes, lambda path: by_tf2onnx(model, path), batches=batches)
            case("export", shapes, lambda path: model.export(path, format="onnx", verbose=False), batches=batches)
            if name.startswith("act_") or batches == (1, 3):
                continue
            case("tf2onnx_static", shapes, lambda path: by_tf2onnx(model, path, batch=1, opset=13))
            case("tf2onnx_op9", shapes, lambda path: by_tf2onnx(model, path, opset=9))
            if len(shapes[0]) == 3 and shapes[0][2] <= 4:
                nchw = [(s[2], s[0], s[1]) for s in shapes]
                case("nchw", nchw, lambda path: by_tf2onnx(model, path, nchw=True))
    maker.end()


main()
