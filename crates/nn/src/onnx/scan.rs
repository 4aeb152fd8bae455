//! Counts what decoding a file would allocate, before anything is allocated: in protobuf an empty
//! submessage takes two bytes, but hundreds once decoded.

use std::mem::size_of;

use super::error::OnnxError;
use super::proto;

#[derive(Clone, Copy)]
enum Level {
    Model,
    Opset,
    Graph,
    Node,
    Attribute,
    Tensor,
    Entry,
    ValueInfo,
    Type,
    TensorType,
    Shape,
    Dim,
    Leaf,
}

/// What a length-delimited field holds, and its size in memory.
fn field(level: Level, tag: u64) -> Option<(Level, usize)> {
    use Level::*;
    let text = size_of::<String>();
    Some(match (level, tag) {
        (Model, 7) => (Graph, size_of::<proto::Graph>()),
        (Model, 8) => (Opset, size_of::<proto::Opset>()),
        (Graph, 1) => (Node, size_of::<proto::Node>()),
        (Graph, 5) => (Tensor, size_of::<proto::Tensor>()),
        (Graph, 11 | 12) => (ValueInfo, size_of::<proto::ValueInfo>()),
        (Graph, 15) => (Leaf, text),
        (Node, 1 | 2) => (Leaf, text),
        (Node, 5) => (Attribute, size_of::<proto::Attribute>()),
        (Attribute, 5) => (Tensor, size_of::<proto::Tensor>()),
        (Attribute, 9) => (Leaf, text),
        (Tensor, 13) => (Entry, size_of::<proto::Entry>()),
        (ValueInfo, 2) => (Type, size_of::<proto::Type>()),
        (Type, 1) => (TensorType, size_of::<proto::TensorType>()),
        (TensorType, 2) => (Shape, size_of::<proto::Shape>()),
        (Shape, 1) => (Dim, size_of::<proto::Dim>()),
        _ => return None,
    })
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

fn skip<'a>(bytes: &mut &'a [u8], count: u64) -> Option<&'a [u8]> {
    let (head, rest) = bytes.split_at_checked(usize::try_from(count).ok()?)?;
    *bytes = rest;
    Some(head)
}

/// Walks a message; `None` where it is cut short or no protobuf. Recursion is as deep as the schema.
fn walk(mut bytes: &[u8], level: Level, cost: &mut usize) -> Option<()> {
    while !bytes.is_empty() {
        let key = varint(&mut bytes)?;
        match key & 7 {
            0 => drop(varint(&mut bytes)?),
            1 => drop(skip(&mut bytes, 8)?),
            2 => {
                let length = varint(&mut bytes)?;
                let inside = skip(&mut bytes, length)?;
                if let Some((below, size)) = field(level, key >> 3) {
                    *cost = cost.saturating_add(size);
                    if !matches!(below, Level::Leaf) {
                        walk(inside, below, cost)?;
                    }
                }
            }
            5 => drop(skip(&mut bytes, 4)?),
            // Groups (3, 4) are not part of any ONNX message.
            _ => return None,
        }
    }
    Some(())
}

/// Refuses files that are cut short, are no protobuf, or hold far more messages than their size explains.
pub(super) fn check(bytes: &[u8]) -> Result<(), OnnxError> {
    let mut cost = 0;
    if walk(bytes, Level::Model, &mut cost).is_none() {
        return Err(OnnxError::Decode("the file is cut short or no protobuf".into()));
    }
    let allowed = (16usize << 20).saturating_add(bytes.len().saturating_mul(16));
    if cost > allowed {
        return Err(OnnxError::Decode(format!(
            "{} bytes unfold into {cost} bytes of empty messages",
            bytes.len()
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bomb_of_empty_messages_is_refused() {
        // graph { node {} node {} ... }: two bytes a node.
        let inside = [0x0a, 0x00].repeat(1 << 20);
        let mut file = vec![0x3a];
        prost::encoding::encode_varint(inside.len() as u64, &mut file);
        file.extend(inside);
        let error = check(&file).unwrap_err().to_string();
        assert!(error.contains("empty messages"), "{error}");
    }

    #[test]
    fn every_cut_inside_a_field_is_seen() {
        let file = [0x08, 0x08, 0x3a, 0x04, 0x12, 0x02, b'n', b'n'];
        assert!(check(&file).is_ok());
        for cut in [1, 3, 4, 5, 6, 7] {
            assert!(check(&file[..cut]).is_err(), "cut at {cut}");
        }
    }
}
