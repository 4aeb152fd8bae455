//! Runs ngspice, where it is installed, and compares its curves with ours.

use std::process::Command;

use neurohm_device::compact::curve_distance;

/// Runs a netlist that writes vectors to the file `out` with `wrdata`; rows of `time, vector, ...`. `None` where
/// ngspice is not installed.
pub fn ngspice(test: &str, netlist: &str, out: &str) -> Option<Vec<Vec<f64>>> {
    let folder = std::env::temp_dir().join(format!("neurohm-circuit-{test}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("circuit.cir"), netlist).unwrap();
    let run = Command::new("ngspice").args(["-b", "circuit.cir"]).current_dir(&folder).output();
    let rows = run.ok().map(|output| {
        let said =
            format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(!said.contains("Timestep too small") && !said.contains("singular"), "{said}");
        let text = std::fs::read_to_string(folder.join(out)).unwrap_or_else(|e| panic!("{e}: {said}"));
        let number =
            |line: &str| line.split_whitespace().map(|x| x.parse().ok()).collect::<Option<Vec<f64>>>();
        // A first line of names is none of numbers.
        let rows: Vec<Vec<f64>> = text.lines().filter_map(number).filter(|row| !row.is_empty()).collect();
        assert!(rows.len() > 500, "{} rows", rows.len());
        rows.iter()
            .map(|all| {
                // Without `wr_singlescale` the time is repeated in front of every vector.
                let repeated = all.len() > 2 && all.len() % 2 == 0 && all[0] == all[2];
                let repeated = repeated && rows[rows.len() / 2][0] == rows[rows.len() / 2][2];
                let step = if repeated { 2 } else { 1 };
                std::iter::once(all[0]).chain(all.iter().skip(1).step_by(step).copied()).collect()
            })
            .collect()
    });
    std::fs::remove_dir_all(&folder).unwrap();
    if rows.is_none() {
        eprintln_skip(test);
    }
    rows
}

#[expect(clippy::print_stderr, reason = "a skipped test says so")]
fn eprintln_skip(test: &str) {
    eprintln!("skipped: {test}: ngspice is not installed");
}

/// Largest distance of a curve from ours over time, with `t_scale_s` and the largest value of theirs as units.
pub fn distance(theirs: &[Vec<f64>], column: usize, ours: &[(f64, f64)], t_scale_s: f64) -> f64 {
    let scale = theirs.iter().map(|r| r[column].abs()).fold(0.0, f64::max);
    let theirs: Vec<_> = theirs.iter().map(|r| (r[0] / t_scale_s, r[column] / scale)).collect();
    let ours: Vec<_> = ours.iter().map(|p| (p.0 / t_scale_s, p.1 / scale)).collect();
    curve_distance(&theirs, &ours, 0.02).max(curve_distance(&ours, &theirs, 0.02))
}

/// Largest difference between a curve and ours, linear between our points, relative to the largest value of theirs.
pub fn difference(theirs: &[Vec<f64>], column: usize, ours: &[(f64, f64)]) -> f64 {
    let scale = theirs.iter().map(|r| r[column].abs()).fold(0.0, f64::max);
    let mut worst = 0.0f64;
    for row in theirs {
        let k = ours.partition_point(|p| p.0 < row[0]).clamp(1, ours.len() - 1);
        let ((t0, v0), (t1, v1)) = (ours[k - 1], ours[k]);
        let v = v0 + (v1 - v0) * ((row[0] - t0) / (t1 - t0)).clamp(0.0, 1.0);
        worst = worst.max((v - row[column]).abs());
    }
    worst / scale
}
