//! Networks of PyTorch, Keras and onnxruntime's outputs: the committed ones, and more where
//! `NEUROHM_ONNX_CASES` names a folder that `validation/onnxruntime` has filled.
#![expect(clippy::print_stdout, reason = "tests say what they skip and what they measured")]

use std::path::Path;

use crate::onnx_support::{ALLOWED, cases, check, difference, difference_of_halves, fixtures};
use neurohm_nn::Tensor;

fn check_all(root: &Path) {
    let cases = cases(root);
    assert!(!cases.is_empty(), "{} holds no case", root.display());
    let mut wrong = Vec::new();
    let mut worst = (0.0f32, String::new());
    for case in &cases {
        let name = case.file_name().unwrap().to_string_lossy().into_owned();
        match check(case) {
            Ok(d) if d >= worst.0 => worst = (d, name),
            Ok(_) => {}
            Err(e) => wrong.push(format!("{name}: {e}")),
        }
    }
    println!(
        "{} of {} cases agree, worst {:.1e} ({})",
        cases.len() - wrong.len(),
        cases.len(),
        worst.0,
        worst.1
    );
    assert!(wrong.is_empty(), "{} of {} cases differ:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

#[test]
fn committed_networks_match_onnxruntime() {
    check_all(&fixtures());
}

#[test]
fn networks_made_on_the_spot_match_onnxruntime() {
    match std::env::var_os("NEUROHM_ONNX_CASES") {
        Some(folder) => check_all(Path::new(&folder)),
        None => {
            println!("skipped networks_made_on_the_spot_match_onnxruntime: NEUROHM_ONNX_CASES is not set")
        }
    }
}

#[test]
fn a_wrong_output_would_be_seen() {
    let y = |data: [f32; 2]| vec![Tensor { shape: vec![1, 2], data: data.to_vec() }];
    assert!(difference(&y([2.0, -1.0]), &y([2.0, -1.0 + 1e-5])).unwrap() < ALLOWED);
    assert!(difference(&y([2.0, -1.0]), &y([2.0, -1.0 + 1e-3])).unwrap() > ALLOWED);
    assert!(difference(&y([2.0, f32::NAN]), &y([2.0, -1.0])).unwrap() > ALLOWED);
    assert!(difference(&y([2.0, -1.0]), &[]).is_err());
    // Halves between 1 and 2 lie 2^-10 apart: one of two elements may be off by that, not both, and not by more.
    let step = 2f32.powi(-10);
    assert_eq!(difference_of_halves(&y([1.0, -1.0 - step]), &y([1.0, -1.0])), Ok(0.0));
    assert!(difference_of_halves(&y([1.0, -1.0 - 2.0 * step]), &y([1.0, -1.0])).unwrap() > ALLOWED);
    assert!(difference_of_halves(&y([1.0 + step, -1.0 - step]), &y([1.0, -1.0])).is_err());
}
