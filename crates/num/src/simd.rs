//! Run-time choice of instruction set, without any effect on results.
//!
//! Kernels are written once as plain Rust over slices. [`dispatch!`](crate::dispatch) compiles the same body
//! for the baseline, AVX2 and AVX-512 and picks one when it is called, so a portable binary runs at the
//! machine's full width. Bodies add and multiply separately (no fused multiply-add, whose rounding differs and
//! which the baseline would have to emulate) and take `exp`, `ln` and `pow` from [`math`] instead of the
//! system's library, so every instruction set gives the same bits.

use std::sync::atomic::{AtomicU8, Ordering};

pub mod math;

/// An instruction set that kernels are compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum Isa {
    /// What the target guarantees: SSE2 on x86-64.
    Portable = 1,
    /// x86-64 with AVX2: 8 lanes of `f32`.
    Avx2 = 2,
    /// x86-64 with AVX-512 F, BW, DQ and VL: 16 lanes of `f32`.
    Avx512 = 3,
    /// AArch64, where NEON is part of the baseline: 4 lanes of `f32`.
    Neon = 4,
}

impl Isa {
    /// Every instruction set that this machine can run, narrowest first.
    pub fn available() -> Vec<Isa> {
        [Isa::Portable, Isa::Neon, Isa::Avx2, Isa::Avx512]
            .into_iter()
            .filter(|isa| isa.is_available())
            .collect()
    }

    /// Whether this machine can run it.
    pub fn is_available(self) -> bool {
        match self {
            Isa::Portable => !cfg!(target_arch = "aarch64"),
            Isa::Neon => cfg!(target_arch = "aarch64"),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => is_x86_feature_detected!("avx2"),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => {
                is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512vl")
            }
            #[cfg(not(target_arch = "x86_64"))]
            Isa::Avx2 | Isa::Avx512 => false,
        }
    }

    /// Its name in records: `"portable"`, `"avx2"`, `"avx512"`, `"neon"`.
    pub fn name(self) -> &'static str {
        match self {
            Isa::Portable => "portable",
            Isa::Avx2 => "avx2",
            Isa::Avx512 => "avx512",
            Isa::Neon => "neon",
        }
    }

    fn from_code(code: u8) -> Option<Isa> {
        [Isa::Portable, Isa::Avx2, Isa::Avx512, Isa::Neon].into_iter().find(|isa| *isa as u8 == code)
    }
}

/// 0 until first asked.
static CHOSEN: AtomicU8 = AtomicU8::new(0);

/// The instruction set that [`dispatch!`](crate::dispatch) uses now: the widest available, or the one forced.
#[inline]
pub fn isa() -> Isa {
    match Isa::from_code(CHOSEN.load(Ordering::Relaxed)) {
        Some(isa) => isa,
        None => detect(),
    }
}

#[cold]
fn detect() -> Isa {
    let best = Isa::available().pop().unwrap_or(Isa::Portable);
    CHOSEN.store(best as u8, Ordering::Relaxed);
    best
}

/// Makes every later [`dispatch!`](crate::dispatch) of this process use `isa`; false, and no change, where the
/// machine lacks it. Results do not depend on it, only speed does.
pub fn force(isa: Isa) -> bool {
    let possible = isa.is_available();
    if possible {
        CHOSEN.store(isa as u8, Ordering::Relaxed);
    }
    possible
}

/// Defines a function whose body is compiled for several instruction sets and chosen at run time.
///
/// The body must be plain safe Rust over slices and inlinable helpers (`#[inline(always)]`); the compiler
/// vectorises it for each set. It must use separate additions and multiplications and
/// [`simd::math`](crate::simd::math), so that all sets give the same bits.
///
/// ```
/// neurohm_num::dispatch! {
///     /// Adds `a * x` to `y`.
///     pub fn axpy(a: f32, x: &[f32], y: &mut [f32]) {
///         for (y, x) in y.iter_mut().zip(x) {
///             *y += a * *x;
///         }
///     }
/// }
/// let mut y = [1.0, 2.0];
/// axpy(2.0, &[3.0, 4.0], &mut y);
/// assert_eq!(y, [7.0, 10.0]);
/// ```
#[macro_export]
macro_rules! dispatch {
    ($($(#[$meta:meta])* $vis:vis fn $name:ident($($arg:ident: $ty:ty),* $(,)?) $(-> $ret:ty)? $body:block)*) => {$(
        $(#[$meta])*
        $vis fn $name($($arg: $ty),*) $(-> $ret)? {
            #[inline(always)]
            fn body($($arg: $ty),*) $(-> $ret)? $body
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
                fn avx512($($arg: $ty),*) $(-> $ret)? { body($($arg),*) }
                #[target_feature(enable = "avx2")]
                fn avx2($($arg: $ty),*) $(-> $ret)? { body($($arg),*) }
                match $crate::simd::isa() {
                    // SAFETY: `isa` names only instruction sets that were detected on this machine.
                    $crate::simd::Isa::Avx512 => return unsafe { avx512($($arg),*) },
                    // SAFETY: as above.
                    $crate::simd::Isa::Avx2 => return unsafe { avx2($($arg),*) },
                    _ => {}
                }
            }
            body($($arg),*)
        }
    )*};
}
