//! Both sides of a case, timed in turn in one run, so that a busy machine hits both alike.

use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::Result;
use crate::peer::Peer;

/// A turn lasts at least this long, by repeating the call.
const TURN_S: f64 = 0.04;
/// Between turns: threads of the side that just ran stop spinning (some OpenMP runtimes wait busily for 0.2 s), and
/// caches of both start equally cold.
const PAUSE: Duration = Duration::from_millis(250);

/// Seconds a call on both sides, one entry a turn.
pub struct Turns {
    /// The other tool.
    pub peer_s: Vec<f64>,
    /// neurohm.
    pub ours_s: Vec<f64>,
}

impl Turns {
    /// Times the peer's open case and `ours`, `repeats` turns each, after a warm-up of both.
    pub fn take(peer: &mut Peer, repeats: usize, mut ours: impl FnMut() -> Result<()>) -> Result<Self> {
        let mut own = |calls: usize| -> Result<f64> {
            let begin = Instant::now();
            for _ in 0..calls {
                ours()?;
            }
            Ok(begin.elapsed().as_secs_f64() / calls as f64)
        };
        let calls = |s: f64| ((TURN_S / s.max(1e-9)).ceil() as usize).clamp(1, 2000);
        peer.time(1)?;
        let peer_calls = calls(peer.time(2)?);
        own(1)?;
        let own_calls = calls(own(2)?);
        let mut turns = Self { peer_s: Vec::new(), ours_s: Vec::new() };
        for turn in 0..repeats {
            // Who goes first alternates as well.
            for side in [turn % 2, (turn + 1) % 2] {
                sleep(PAUSE);
                match side {
                    0 => turns.peer_s.push(peer.time(peer_calls)?),
                    _ => turns.ours_s.push(own(own_calls)?),
                }
            }
        }
        Ok(turns)
    }

    /// One timing of each, for cases whose step is long or whose point is agreement.
    pub fn once(peer_s: f64, ours_s: f64) -> Self {
        Self { peer_s: vec![peer_s], ours_s: vec![ours_s] }
    }
}

/// The middle value, or the mean of the two in the middle.
pub fn median(values: &[f64]) -> f64 {
    let mut v = values.to_vec();
    v.sort_by(f64::total_cmp);
    let n = v.len();
    if n % 2 == 1 { v[n / 2] } else { (v[n / 2 - 1] + v[n / 2]) / 2.0 }
}

/// Runs something and says how long it took, in seconds.
pub fn timed<T>(f: impl FnOnce() -> Result<T>) -> Result<(T, f64)> {
    let begin = Instant::now();
    let value = f()?;
    Ok((value, begin.elapsed().as_secs_f64()))
}
