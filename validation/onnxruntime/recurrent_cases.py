"""Makes the ONNX cases of recurrent layers, operator by operator: usage: python recurrent_cases.py FOLDER [--only PART]

Needs onnx, onnxruntime and numpy alone. What exporters make of whole networks is in torch_cases.py and keras_cases.py.
"""

import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from cases import Maker

STEPS, INPUTS, HIDDEN = 5, 3, 4
GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}


def constant(name, array):
    return numpy_helper.from_array(np.asarray(array), name)


def export(op, directions=1, first="batch", outputs=(0, 1, 2), initial=None, bias=True, peepholes=False,
           lens=None, batch="batch", layout=0, **attributes):
    """Returns what writes a model around one operator. `first` says which axis of the input stands in front; `initial` is
    None, "zeros", "shape" (of the input's batch) or "fixed"; `lens` holds sequence_lens."""
    g = GATES[op]
    r = np.random.default_rng(7)
    draw = lambda *shape: (r.standard_normal(shape) * 0.6).astype(np.float32)
    tensors = [constant("W", draw(directions, g * HIDDEN, INPUTS)), constant("R", draw(directions, g * HIDDEN, HIDDEN))]
    nodes, names = [], ["x", "W", "R", "", "", "", "", ""]
    if bias:
        tensors.append(constant("B", draw(directions, 2 * g * HIDDEN)))
        names[3] = "B"
    if first == "batch" and not layout:
        nodes.append(helper.make_node("Transpose", ["x"], ["t"], perm=[1, 0, 2]))
        names[0] = "t"
    if lens is not None:
        tensors.append(constant("lens", np.asarray(lens, np.int32)))
        names[4] = "lens"
    for place, what in [(5, "h0"), (6, "c0")][: 2 if op == "LSTM" else 1]:
        if initial == "fixed":
            n = batch if isinstance(batch, int) else 1
            tensors.append(constant(what, np.repeat(draw(directions, 1, HIDDEN), n, 1)))
        elif initial is not None:
            value = draw(directions, 1, HIDDEN) if initial == "shape" else np.zeros((directions, 1, HIDDEN), np.float32)
            axis = 0 if first == "batch" else 1
            tensors += [constant(what + "1", value), constant(what + "d", np.int64([directions])),
                        constant(what + "h", np.int64([HIDDEN]))]
            nodes += [helper.make_node("Shape", ["x"], [what + "n"], start=axis, end=axis + 1),
                      helper.make_node("Concat", [what + "d", what + "n", what + "h"], [what + "s"], axis=0),
                      helper.make_node("Expand", [what + "1", what + "s"], [what])]
        if initial:
            names[place] = what
    if peepholes:
        tensors.append(constant("P", draw(directions, 3 * HIDDEN)))
        names[7] = "P"
    while not names[-1]:
        names.pop()
    made = [f"y{i}" if i in outputs else "" for i in range(3 if op == "LSTM" else 2)]
    if layout:
        attributes["layout"] = 1
    nodes.append(helper.make_node(op, names, made, name="cell", hidden_size=HIDDEN, **attributes))
    results = []
    for i, name in enumerate(made):
        if not name:
            continue
        if first == "batch":
            order = [2, 0, 1, 3] if i == 0 else [1, 0, 2]
            if not layout:
                nodes.append(helper.make_node("Transpose", [name], [name + "t"], perm=order))
                name += "t"
        lengths = [None] * (4 if i == 0 else 3)
        if first == "steps":
            lengths[2 if i == 0 else 1] = batch
        results.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, lengths))
    shape = [batch, STEPS, INPUTS] if first == "batch" else [STEPS, batch, INPUTS]
    graph = helper.make_graph(
        nodes, "recurrent", [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)], results, tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8

    def write(path):
        onnx.checker.check_model(model)
        onnx.save(model, path)

    return write


def beside(path, reference, model):
    """A model that onnxruntime does not run, and one that it does."""

    def write(file):
        model(file)
        reference(file.with_name("reference.onnx"))
        return file.with_name("reference.onnx")

    return write


m = Maker(sys.argv[1], sys.argv[sys.argv.index("--only") + 1] if "--only" in sys.argv else "")
one = [(STEPS, INPUTS)]
both = dict(directions=2, direction="bidirectional")
for op in GATES:
    low = op.lower()
    m.case(f"rnn_{low}_forward", one, export(op))
    m.case(f"rnn_{low}_bare", one, export(op, bias=False, outputs=(0,)))
    m.case(f"rnn_{low}_reverse", one, export(op, direction="reverse", initial="shape"))
    m.case(f"rnn_{low}_both", one, export(op, initial="fixed", batch=3, **both))
    m.case(f"rnn_{low}_clip", one, export(op, clip=0.35, **both))
    places = ((1,), (2, 1, 1))
    m.case(f"rnn_{low}_steps_first", one, export(op, first="steps", initial="zeros", **both), places=places)
    m.case(f"rnn_{low}_layout1", one, beside(None, export(op, **both), export(op, layout=1, **both)))
    m.case(f"rnn_{low}_lens", one, export(op, lens=[STEPS] * 3, batch=3), batches=(3,))
    m.case(f"rnn_{low}_short", one, export(op, lens=[STEPS, 2, STEPS], batch=3), refused=True)
m.case("rnn_gru_after", one, export("GRU", linear_before_reset=1, initial="shape", **both))
m.case("rnn_gru_after_clip", one, export("GRU", linear_before_reset=1, clip=0.35))
m.case("rnn_lstm_peepholes", one, export("LSTM", peepholes=True, initial="shape", **both))
m.case("rnn_lstm_peepholes_clip", one, export("LSTM", peepholes=True, clip=0.3, **both))
m.case("rnn_lstm_coupled", one, export("LSTM", input_forget=1, peepholes=True))
m.case("rnn_lstm_last", one, export("LSTM", outputs=(1,)))
m.case("rnn_lstm_state", one, export("LSTM", outputs=(2,), **both))
m.case("rnn_lstm_functions", one, export("LSTM", activations=["HardSigmoid", "Relu", "Softsign"] + ["Sigmoid", "LeakyRelu", "Tanh"],
                                         activation_alpha=[0.3, 0.1], activation_beta=[0.4], **both))
m.case("rnn_gru_functions", one, export("GRU", activations=["HardSigmoid", "Elu"], activation_alpha=[0.25, 1.2],
                                        activation_beta=[0.45]))
m.case("rnn_rnn_functions", one, export("RNN", activations=["Relu", "Softplus"], **both))
m.case("rnn_rnn_affine", one, export("RNN", activations=["Affine"], activation_alpha=[0.5], activation_beta=[0.1]), refused=True)
m.end()
