//! The other tool as a child process that answers one JSON line a request (`validation/protocol.py`).

use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use neurohm_nn::Tensor;
use serde_json::{Value, json};

use crate::Result;

/// A peer that has been started and waits for requests. Dropping it ends the process.
pub struct Peer {
    child: Child,
    requests: BufWriter<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Peer {
    /// Starts `python script --threads N`. What the script prints besides its answers is dropped, unless
    /// `loud`.
    pub fn start(python: &Path, script: &Path, threads: usize, loud: bool) -> Result<Self> {
        let mut child = Command::new(python)
            .arg(script)
            .args(["--threads", &threads.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(if loud { Stdio::inherit() } else { Stdio::null() })
            .spawn()
            .map_err(|e| format!("cannot start {}: {e}", python.display()))?;
        let requests = BufWriter::new(child.stdin.take().ok_or("the peer has no standard input")?);
        let answers = BufReader::new(child.stdout.take().ok_or("the peer has no standard output")?);
        Ok(Self { child, requests, answers })
    }

    fn request(&mut self, request: &Value) -> Result<Value> {
        let gone = |e: &dyn std::fmt::Display| {
            format!("the peer has stopped answering ({e}); run again with --loud to see what it printed")
        };
        writeln!(self.requests, "{request}").and_then(|()| self.requests.flush()).map_err(|e| gone(&e))?;
        let mut line = String::new();
        if self.answers.read_line(&mut line).map_err(|e| gone(&e))? == 0 {
            return Err(gone(&"end of its output").into());
        }
        let mut answer: Value = serde_json::from_str(&line)?;
        match answer.get_mut("ok") {
            Some(ok) => Ok(ok.take()),
            None => Err(format!("the peer failed: {}", answer["error"].as_str().unwrap_or(&line)).into()),
        }
    }

    /// Versions of the peer and what it stands on.
    pub fn about(&mut self) -> Result<Value> {
        self.request(&json!({"about": {}}))
    }

    /// Builds a case; the one before it is dropped.
    pub fn open(&mut self, case: &str, settings: Value) -> Result<()> {
        self.request(&json!({"open": case, "settings": settings})).map(|_| ())
    }

    /// Seconds a call of the open case's step, over `calls` calls, measured inside the peer.
    pub fn time(&mut self, calls: usize) -> Result<f64> {
        number(&self.request(&json!({"time": calls}))?)
    }

    /// Calls a method of the open case.
    pub fn ask(&mut self, method: &str, settings: Value) -> Result<Value> {
        self.request(&json!({"ask": method, "settings": settings}))
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // Closing its input ends a healthy peer; one that hangs is ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A number in an answer.
pub fn number(v: &Value) -> Result<f64> {
    v.as_f64().ok_or_else(|| format!("the peer answered {v} where a number belongs").into())
}

/// A rectangle of numbers in an answer, `[row][column]`.
pub fn table(v: &Value) -> Result<Vec<Vec<f64>>> {
    Ok(serde_json::from_value(v.clone())?)
}

/// An array in an answer.
pub fn tensor(v: &Value) -> Result<Tensor> {
    let shape: Vec<usize> = serde_json::from_value(v["shape"].clone())?;
    let text = v["f32"].as_str().ok_or("the peer answered something else where an array belongs")?;
    let bytes = STANDARD.decode(text)?;
    let data: Vec<f32> = bytes.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
    if data.len() != shape.iter().product::<usize>() {
        return Err(format!("the peer sent {} values for the shape {shape:?}", data.len()).into());
    }
    Ok(Tensor { shape, data })
}

/// An array in double precision, as the peer reads it.
pub fn doubles(shape: &[usize], values: &[f64]) -> Value {
    let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    json!({"shape": shape, "f64": STANDARD.encode(bytes)})
}

/// The values of an array in double precision in an answer.
pub fn read_doubles(v: &Value) -> Result<Vec<f64>> {
    let text = v["f64"].as_str().ok_or("the peer answered something else where an array belongs")?;
    let bytes = STANDARD.decode(text)?;
    Ok(bytes.as_chunks::<8>().0.iter().map(|b| f64::from_le_bytes(*b)).collect())
}

/// Bytes in an answer.
pub fn bytes(v: &Value) -> Result<Vec<u8>> {
    let text = v["base64"].as_str().ok_or("the peer answered something else where bytes belong")?;
    Ok(STANDARD.decode(text)?)
}
