//! Networks trained by this project, embedded; `assets/README.md` says how each was made.

/// An embedded network.
#[derive(Clone, Copy, Debug)]
pub struct Network {
    /// Name, as a configuration gives it.
    pub name: &'static str,
    /// What it is, in words.
    pub about: &'static str,
    /// The dataset that it was trained for.
    pub data: &'static str,
    /// The model as ONNX.
    pub onnx: &'static [u8],
}

/// All of them.
pub static NETWORKS: &[Network] = &[
    Network {
        name: "strokes-mlp",
        about: "a perceptron 784-128-64-10 trained on drawn digits",
        data: "strokes",
        onnx: include_bytes!("../assets/strokes-mlp.onnx"),
    },
    Network {
        name: "strokes-cnn",
        about: "a small convolutional network trained on drawn digits",
        data: "strokes",
        onnx: include_bytes!("../assets/strokes-cnn.onnx"),
    },
    Network {
        name: "strokes-resnet8",
        about: "a residual network of 8 layers, with batch norms, trained on drawn digits",
        data: "strokes",
        onnx: include_bytes!("../assets/strokes-resnet8.onnx"),
    },
    Network {
        name: "strokes-resnet8-aware",
        about: "the same, trained further with the errors that weights have on a chip of phase-change devices",
        data: "strokes",
        onnx: include_bytes!("../assets/strokes-resnet8-aware.onnx"),
    },
];

/// The embedded network of that name.
pub fn network(name: &str) -> Option<&'static Network> {
    NETWORKS.iter().find(|n| n.name == name)
}
