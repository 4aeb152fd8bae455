//! Windows and activations against PyTorch in double precision.

use neurohm_nn::graph::{Activation, Op, Tensor, Window};
use neurohm_nn::models::Builder;
use neurohm_nn::{Digital, run};
use neurohm_num::{Key, Unwatched};
use serde_json::Value;

fn numbers(v: &Value) -> Vec<f32> {
    v.as_array().unwrap().iter().map(|v| v.as_f64().unwrap() as f32).collect()
}

fn lengths<const N: usize>(v: &Value) -> [usize; N] {
    std::array::from_fn(|i| v[i].as_u64().unwrap() as usize)
}

fn theirs() -> Value {
    serde_json::from_str(include_str!("../fixtures/torch/operations.json")).unwrap()
}

#[test]
fn windows() {
    let torch = theirs();
    let input = [Tensor { shape: vec![2, 6, 5, 4], data: numbers(&torch["x"]) }];
    for case in torch["windows"].as_array().unwrap() {
        let window = Window {
            kernel: lengths(&case["kernel"]),
            stride: lengths(&case["stride"]),
            dilation: lengths(&case["dilation"]),
            pad: lengths(&case["pad"]),
        };
        let mut b = Builder::new("op", &[6, 5, 4], Key::root(0));
        let x = b.input();
        let y = match case["kind"].as_str().unwrap() {
            "max" => b.node("op", Op::MaxPool(window), &[x]),
            "mean" => {
                let count_pad = case["count_pad"].as_bool().unwrap();
                b.node("op", Op::AvgPool { window, count_pad }, &[x])
            }
            _ => {
                let bias = numbers(&case["bias"]);
                b.conv_with(x, bias.len(), window, case["groups"].as_u64().unwrap() as usize, true)
            }
        };
        let mut graph = b.finish(y);
        if case["kind"] == "conv" {
            graph.params[0].data = numbers(&case["weight"]);
            graph.params[1].data = numbers(&case["bias"]);
        }
        let y = run(&graph, &input, &Digital, 0, &Unwatched).unwrap();
        let expected = numbers(&case["y"]);
        assert_eq!(y[0].data.len(), expected.len(), "{case}");
        for (a, b) in y[0].data.iter().zip(&expected) {
            assert!((a - b).abs() < 5e-6, "{window:?}: {a}, theirs {b}");
        }
    }
}

#[test]
fn activations() {
    let torch = theirs();
    let x = numbers(&torch["arguments"]);
    let kinds = [
        ("relu", Activation::Relu),
        ("leaky", Activation::LeakyRelu { slope: 0.1 }),
        ("clip", Activation::Clip { min: 0.0, max: 6.0 }),
        ("elu", Activation::Elu { alpha: 1.3 }),
        ("selu", Activation::Selu { alpha: 1.673_263_2, gamma: 1.050_701 }),
        ("sigmoid", Activation::Sigmoid),
        ("tanh", Activation::Tanh),
        ("silu", Activation::Silu),
        ("gelu", Activation::Gelu { tanh: false }),
        ("gelu_tanh", Activation::Gelu { tanh: true }),
        ("hardsigmoid", Activation::HardSigmoid { alpha: 1.0 / 6.0, beta: 0.5 }),
        ("hardswish", Activation::HardSwish),
        ("softplus", Activation::Softplus),
        ("softsign", Activation::Softsign),
        ("erf", Activation::Erf),
        ("exp", Activation::Exp),
        ("abs", Activation::Abs),
    ];
    for (name, a) in kinds {
        let mut b = Builder::new("op", &[x.len()], Key::root(0));
        let y = b.node("op", Op::Activate(a), &[b.input()]);
        let graph = b.finish(y);
        let input = [Tensor { shape: vec![1, x.len()], data: x.clone() }];
        let y = run(&graph, &input, &Digital, 0, &Unwatched).unwrap();
        for ((x, a), b) in x.iter().zip(&y[0].data).zip(numbers(&torch["activations"][name])) {
            assert!((a - b).abs() <= 3e-7 + 3e-6 * b.abs(), "{name}({x}) = {a}, theirs {b}");
        }
    }
}
