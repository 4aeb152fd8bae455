//! Builds ONNX bytes field by field, so that they can be as wrong as a test wants. Field numbers are those of
//! `onnx.proto`.

/// A length-delimited field.
pub fn bytes(field: u64, inside: impl AsRef<[u8]>) -> Vec<u8> {
    let inside = inside.as_ref();
    [varint(field << 3 | 2), varint(inside.len() as u64), inside.to_vec()].concat()
}

/// A whole number.
pub fn int(field: u64, value: i64) -> Vec<u8> {
    [varint(field << 3), varint(value as u64)].concat()
}

/// A float.
pub fn float(field: u64, value: f32) -> Vec<u8> {
    [varint(field << 3 | 5), value.to_le_bytes().to_vec()].concat()
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
    out
}

/// A model of operator set 17 around the fields of a graph.
pub fn model(graph: &[Vec<u8>]) -> Vec<u8> {
    [int(1, 8), bytes(8, int(2, 17)), bytes(7, graph.concat())].concat()
}

pub fn node(op: &str, name: &str, inputs: &[&str], outputs: &[&str], attributes: &[Vec<u8>]) -> Vec<u8> {
    let inputs = inputs.iter().flat_map(|i| bytes(1, i));
    let outputs = outputs.iter().flat_map(|o| bytes(2, o));
    let attributes = attributes.iter().flat_map(|a| bytes(5, a));
    let inside: Vec<u8> =
        inputs.chain(outputs).chain(bytes(3, name)).chain(bytes(4, op)).chain(attributes).collect();
    bytes(1, inside)
}

pub fn ints(name: &str, values: &[i64]) -> Vec<u8> {
    [bytes(1, name), values.iter().flat_map(|&v| int(8, v)).collect(), int(20, 7)].concat()
}

pub fn integer(name: &str, value: i64) -> Vec<u8> {
    [bytes(1, name), int(3, value), int(20, 2)].concat()
}

pub fn text(name: &str, value: &str) -> Vec<u8> {
    [bytes(1, name), bytes(4, value), int(20, 3)].concat()
}

/// An initialiser with raw data.
pub fn raw(name: &str, kind: i64, dims: &[i64], data: &[u8]) -> Vec<u8> {
    bytes(
        5,
        [dims.iter().flat_map(|&d| int(1, d)).collect(), int(2, kind), bytes(8, name), bytes(9, data)]
            .concat(),
    )
}

pub fn floats(name: &str, dims: &[i64], data: &[f32]) -> Vec<u8> {
    raw(name, 1, dims, &data.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<_>>())
}

pub fn longs(name: &str, data: &[i64]) -> Vec<u8> {
    raw(name, 7, &[data.len() as i64], &data.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<_>>())
}

/// An initialiser that lies in another file.
pub fn outside(name: &str, dims: &[i64], entries: &[(&str, &str)]) -> Vec<u8> {
    let dims = dims.iter().flat_map(|&d| int(1, d)).collect();
    let entries = entries.iter().flat_map(|(k, v)| bytes(13, [bytes(1, k), bytes(2, v)].concat())).collect();
    bytes(5, [dims, int(2, 1), bytes(8, name), entries, int(14, 1)].concat())
}

/// Float values of a shape; a negative length is an open one.
fn info(name: &str, dims: &[i64]) -> Vec<u8> {
    let dim = |&d: &i64| bytes(1, if d < 0 { bytes(2, "n") } else { int(1, d) });
    let shape: Vec<u8> = dims.iter().flat_map(dim).collect();
    [bytes(1, name), bytes(2, bytes(1, [int(1, 1), bytes(2, shape)].concat()))].concat()
}

pub fn input(name: &str, dims: &[i64]) -> Vec<u8> {
    bytes(11, info(name, dims))
}

pub fn output(name: &str) -> Vec<u8> {
    bytes(12, bytes(1, name))
}

/// Float values whose lengths may be open and named: a name with -1, or any name with a fixed length.
pub fn named_input(name: &str, dims: &[(&str, i64)]) -> Vec<u8> {
    let dim = |&(name, d): &(&str, i64)| bytes(1, if d < 0 { bytes(2, name) } else { int(1, d) });
    let shape: Vec<u8> = dims.iter().flat_map(dim).collect();
    bytes(11, [bytes(1, name), bytes(2, bytes(1, [int(1, 1), bytes(2, shape)].concat()))].concat())
}

/// An attribute of several texts.
pub fn texts(name: &str, values: &[&str]) -> Vec<u8> {
    [bytes(1, name), values.iter().flat_map(|v| bytes(9, v)).collect(), int(20, 8)].concat()
}
