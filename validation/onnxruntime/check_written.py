"""Runs networks that neurohm wrote through onnxruntime and compares with onnxruntime on the originals.

    mkdir WRITTEN
    NEUROHM_ONNX_CASES=FOLDER NEUROHM_ONNX_WRITTEN=WRITTEN cargo test -p neurohm-nn --test nn onnx_cases
    python check_written.py FOLDER WRITTEN

FOLDER is what torch_cases.py and keras_cases.py made. Exits with 1 on any difference beyond 1e-4 of max|output|.
"""

import pathlib
import sys

import numpy as np
import onnx

from cases import run

folder, written = map(pathlib.Path, sys.argv[1:3])
checked, wrong, worst = 0, [], 0.0
for model in sorted(written.glob("*.onnx")):
    case = folder / model.stem
    try:
        onnx.checker.check_model(str(model), full_check=True)
    except Exception as error:
        wrong.append(f"{model.stem}: {str(error)[:200]}")
    for batch in (1, 3, 17):
        inputs = [np.load(f) for f in sorted(case.glob(f"b{batch}.x*.npy"))]
        expected = [np.load(f) for f in sorted(case.glob(f"b{batch}.y*.npy"))]
        if not inputs:
            continue
        try:
            kinds = [i.type.tensor_type.elem_type for i in onnx.load(str(model)).graph.input]
            inputs = [x.astype(np.int64) if kind == onnx.TensorProto.INT64 else x for x, kind in zip(inputs, kinds)]
            got = run(model, inputs)
        except Exception as error:
            wrong.append(f"{model.stem}: {str(error)[:200]}")
            continue
        for y, e in zip(got, expected, strict=True):
            difference = np.abs(y - e).max() / max(np.abs(e).max(), 1e-30) if y.shape == e.shape else np.inf
            worst = max(worst, difference)
            if not difference <= 1e-4:
                wrong.append(f"{model.stem}: batch {batch} {y.shape} {e.shape} differs by {difference:.2e}")
        checked += 1
print("\n".join(wrong))
print(f"{checked} runs of networks written by neurohm, {len(wrong)} wrong, worst {worst:.1e}")
sys.exit(1 if wrong or not checked else 0)
