"""What the case makers share: a case is a folder that holds model.onnx, inputs and onnxruntime's outputs.

    FOLDER/NAME/model.onnx              and files beside it, if its weights lie outside
    FOLDER/NAME/b1.x0.npy, b1.y0.npy    input 0 and output 0 for a batch of 1; likewise b3, b17
    FOLDER/NAME/half                    if the outputs are of type float16
    FOLDER/NAME/refused                 in place of those: neurohm must refuse the model

`crates/nn/tests/onnx_cases.rs` reads such a folder where NEUROHM_ONNX_CASES names it.
"""

import pathlib
import sys
import traceback

import numpy as np
import onnx
import onnxruntime

BATCHES = (1, 3, 17)
quiet = onnxruntime.SessionOptions()
quiet.log_severity_level = 4
quiet.intra_op_num_threads = 2


def run(path, inputs):
    """onnxruntime's outputs; a model with a fixed batch runs piece by piece, the last piece filled up."""
    session = onnxruntime.InferenceSession(str(path), quiet, providers=["CPUExecutionProvider"])
    declared = session.get_inputs()
    if not isinstance(declared[0].shape[0], int) or declared[0].shape[0] == len(inputs[0]):
        feed = {d.name: x for d, x in zip(declared, inputs)}
        return [y.astype(np.float32) for y in session.run(None, feed)]
    batch = len(inputs[0])
    fixed = declared[0].shape[0] if isinstance(declared[0].shape[0], int) else batch
    pieces = []
    for start in range(0, batch, fixed):
        piece = [x[start : start + fixed] for x in inputs]
        piece = [np.concatenate([x, np.repeat(x[-1:], fixed - len(x), 0)]) for x in piece]
        feed = {d.name: x for d, x in zip(declared, piece)}
        pieces.append([y[: min(fixed, batch - start)] for y in session.run(None, feed)])
    return [np.concatenate(ys).astype(np.float32) for ys in zip(*pieces)]


def sample(shape, batch, seed):
    """Random inputs of a batch; `shape` without the batch."""
    return np.random.default_rng((seed, batch)).standard_normal((batch, *shape)).astype(np.float32)


def write(folder, shapes, batches=BATCHES, reference=None, half=False, places=((), ()), tokens=None):
    """Adds inputs and expected outputs to a folder with a model; `reference` is another model to ask instead, `half`
    says that the model takes halves and gives them, `places` which axis of each input and output is the batch where it
    is not the first (files have it first), `tokens` that inputs are whole numbers below that."""
    folder = pathlib.Path(folder)
    if half:
        (folder / "half").touch()
    for batch in batches:
        inputs = [sample(s, batch, i) for i, s in enumerate(shapes)]
        if tokens:
            inputs = [np.floor(np.abs(x) * 1e4) % tokens for x in inputs]
        for i, x in enumerate(inputs):
            np.save(folder / f"b{batch}.x{i}.npy", x)
        kind = np.float16 if half else np.int64 if tokens else np.float32
        given = [np.moveaxis(x.astype(kind), 0, place) for x, place in zip(inputs, (*places[0], *[0] * 9))]
        outputs = run(reference or folder / "model.onnx", given)
        for i, (y, place) in enumerate(zip(outputs, (*places[1], *[0] * 9))):
            np.save(folder / f"b{batch}.y{i}.npy", np.ascontiguousarray(np.moveaxis(y, place, 0)))


class Maker:
    """Makes cases one after the other and reports those an exporter could not make."""

    def __init__(self, folder, only):
        self.folder, self.only, self.made, self.failed = pathlib.Path(folder), only, 0, []

    def case(self, name, shapes, export, refused=False, **how):
        """`export(path)` writes the model and may return the path of a reference model."""
        if self.only not in name:
            return
        folder = self.folder / name
        folder.mkdir(parents=True, exist_ok=True)
        try:
            reference = export(folder / "model.onnx")
            if refused:
                (folder / "refused").touch()
            else:
                write(folder, shapes, reference=reference, **how)
            self.made += 1
            print(f"made {name}", flush=True)
        except Exception as error:
            for file in folder.iterdir():
                file.unlink()
            folder.rmdir()
            last = traceback.format_exc().strip().splitlines()[-1]
            self.failed.append(f"{name}: {last[:200]}")
            if "--trace" in sys.argv:
                traceback.print_exception(error)

    def end(self):
        print(f"{self.made} cases made, {len(self.failed)} that the exporter refused")
        for line in self.failed:
            print(f"  {line}")
