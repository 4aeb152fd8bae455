//! Which nodes matter, in an order in which they can run.

use std::collections::HashMap;

use super::error::OnnxError;
use super::proto;

/// Indices of the nodes that the outputs hang on, each after those that it reads from. `known` tells the names
/// that need no node.
pub(super) fn order(graph: &proto::Graph, known: impl Fn(&str) -> bool) -> Result<Vec<usize>, OnnxError> {
    let name = |i: usize| place(&graph.node[i]);
    let mut maker: HashMap<&str, usize> = HashMap::new();
    for (i, node) in graph.node.iter().enumerate() {
        for output in node.output.iter().filter(|o| !o.is_empty()) {
            if maker.insert(output, i).is_some() || known(output) {
                let what = format!("makes \"{output}\", which has another source already");
                return Err(OnnxError::Malformed { place: name(i), what });
            }
        }
    }
    // Depth first from the outputs, on an explicit stack: a chain may be longer than the call stack.
    #[derive(Clone, Copy, PartialEq)]
    enum State {
        New,
        Open,
        Done,
    }
    let mut state = vec![State::New; graph.node.len()];
    let mut sorted = Vec::new();
    let mut stack: Vec<(usize, usize)> = Vec::new();
    for output in &graph.output {
        match maker.get(output.name.as_str()) {
            Some(&i) if state[i] == State::New => {
                state[i] = State::Open;
                stack.push((i, 0));
            }
            Some(_) => {}
            None if known(&output.name) => {}
            None => {
                let place = format!("output \"{}\"", output.name);
                return Err(OnnxError::Malformed { place, what: "nothing makes it".into() });
            }
        }
        while let Some((i, next)) = stack.pop() {
            let Some(input) = graph.node[i].input.get(next) else {
                state[i] = State::Done;
                sorted.push(i);
                continue;
            };
            stack.push((i, next + 1));
            match maker.get(input.as_str()) {
                Some(&before) => match state[before] {
                    State::New => {
                        state[before] = State::Open;
                        stack.push((before, 0));
                    }
                    State::Open => {
                        let what = format!("reads \"{input}\", which hangs on its own output: a cycle");
                        return Err(OnnxError::Malformed { place: name(i), what });
                    }
                    State::Done => {}
                },
                None if input.is_empty() || known(input) => {}
                None => {
                    let what = format!("reads \"{input}\", which no input, initialiser or node makes");
                    return Err(OnnxError::Malformed { place: name(i), what });
                }
            }
        }
    }
    // The file's own order, wherever it can run, keeps names and listings familiar.
    let mut position = vec![usize::MAX; graph.node.len()];
    let mut by_file = sorted.clone();
    by_file.sort_unstable();
    by_file.iter().enumerate().for_each(|(at, &i)| position[i] = at);
    let runs = |i: usize| {
        let reads = graph.node[i].input.iter().filter_map(|n| maker.get(n.as_str()));
        reads.into_iter().all(|&before| position[before] < position[i])
    };
    Ok(if by_file.iter().all(|&i| runs(i)) { by_file } else { sorted })
}

/// A node for messages.
pub(super) fn place(node: &proto::Node) -> String {
    format!("{} \"{}\"", node.op_type, label(node))
}

/// The node's name, or its first output's where it has none.
pub(super) fn label(node: &proto::Node) -> &str {
    match node.output.iter().find(|o| !o.is_empty()) {
        Some(output) if node.name.is_empty() => output,
        _ => &node.name,
    }
}
