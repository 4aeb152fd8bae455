//! Both sides of a case, timed in turn in one run, so that a busy machine hits both alike.

use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::Result;
use crate::peer::Peer;

/// A turn lasts at least this long, by repeating the call.
const TURN_S: f64 = 0.04;
/// Between turns: threads of the side that just ran stop spinning (some OpenMP runtimes wait busily for 0.2 s).
const PAUSE: Duration = Duration::from_millis(250);
/// What comes before a turn, untimed: after a pause a virtual machine's second processor takes some 50 ms to take its
/// share, on either side. A call that is longer than this needs none.
const WARM_UP_S: f64 = 0.1;

/// A call of this many seconds is its own warm-up, and a few of them tell what many would.
const LONG_S: f64 = 1.0;
const FEW: usize = 3;

/// Seconds a call on both sides, one entry a turn.
pub struct Turns {
    /// The other tool.
    pub peer_s: Vec<f64>,
    /// neurohm.
    pub ours_s: Vec<f64>,
}

impl Turns {
    /// Times the peer's open case and `ours`, `repeats` turns each, after a warm-up of both. Three turns are enough where
    /// a call takes more than a second.
    pub fn take(peer: &mut Peer, repeats: usize, mut ours: impl FnMut() -> Result<()>) -> Result<Self> {
        let mut own = |calls: usize| -> Result<f64> {
            let begin = Instant::now();
            for _ in 0..calls {
                ours()?;
            }
            Ok(begin.elapsed().as_secs_f64() / calls as f64)
        };
        let calls = |s: f64| ((TURN_S / s.max(1e-9)).ceil() as usize).clamp(1, 2000);
        let warm_up = |s: f64| ((WARM_UP_S / s.max(1e-9)) as usize).min(5000);
        let first = peer.time(1)?;
        let long = first > LONG_S;
        let repeats = if long { repeats.min(FEW) } else { repeats };
        let s = if long { first } else { peer.time(2)? };
        let (peer_warm_up, peer_calls) = (warm_up(s), calls(s));
        own(1)?;
        let s = own(2)?;
        let (own_warm_up, own_calls) = (warm_up(s), calls(s));
        let mut turns = Self { peer_s: Vec::new(), ours_s: Vec::new() };
        for turn in 0..repeats {
            // Who goes first alternates as well.
            for side in [turn % 2, (turn + 1) % 2] {
                sleep(PAUSE);
                match side {
                    0 => {
                        if peer_warm_up > 0 {
                            peer.time(peer_warm_up)?;
                        }
                        turns.peer_s.push(peer.time(peer_calls)?);
                    }
                    _ => {
                        if own_warm_up > 0 {
                            own(own_warm_up)?;
                        }
                        turns.ours_s.push(own(own_calls)?);
                    }
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
