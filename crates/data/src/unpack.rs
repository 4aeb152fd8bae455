//! Reads and unpacks bytes without trusting any size that a file declares.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use crate::{DataError, FormatError};

/// A deflate stream cannot grow by more: 258 bytes from two bits of a full block, and its header.
const DEFLATE_RATIO: u64 = 1032;
/// Packed data may always unpack to this much ...
const FREE_BYTES: u64 = 1 << 30;
/// ... and to this many times its own size; more is a bomb, no dataset.
const FREE_RATIO: u64 = 64;

/// The most that `packed` deflated bytes may unpack to.
pub(crate) fn limit(packed: u64) -> u64 {
    packed.saturating_mul(DEFLATE_RATIO).min(FREE_BYTES.max(packed.saturating_mul(FREE_RATIO)))
}

/// The whole file.
pub(crate) fn read_file(path: &Path) -> Result<Vec<u8>, DataError> {
    let mut bytes = Vec::new();
    File::open(path).and_then(|mut f| f.read_to_end(&mut bytes)).map_err(DataError::io(path))?;
    Ok(bytes)
}

/// Reads a byte stream front to back, knows where it is and how much there can be at most.
pub(crate) struct Bytes<R> {
    reader: R,
    offset: u64,
    available: u64,
    exact: bool,
}

impl<'a> Bytes<&'a [u8]> {
    pub(crate) fn plain(bytes: &'a [u8]) -> Self {
        Self { reader: bytes, offset: 0, available: bytes.len() as u64, exact: true }
    }
}

impl<R: Read> Bytes<R> {
    /// A stream of exactly `available` bytes.
    pub(crate) fn exact(reader: R, available: u64) -> Self {
        Self { reader, offset: 0, available, exact: true }
    }

    /// A stream that is unpacked on the way and ends after `available` bytes at the latest.
    pub(crate) fn unpacked(reader: R, available: u64) -> Self {
        Self { reader, offset: 0, available, exact: false }
    }

    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// Refuses a declared size that cannot be there.
    pub(crate) fn expect(&self, declared: u64, what: &str) -> Result<(), FormatError> {
        let left = self.available.saturating_sub(self.offset);
        if declared <= left {
            return Ok(());
        }
        let problem = if self.exact {
            format!(
                "the header declares {declared} bytes of {what}, but {left} follow: the file is cut short or its header damaged; fetch it again"
            )
        } else {
            format!(
                "the header declares {declared} bytes of {what}, more than {left}, the most that this file may unpack to: it is damaged or made to exhaust memory"
            )
        };
        Err(FormatError::new(self.offset, problem))
    }

    /// Fills `out`; `what` is named when the stream ends too early.
    pub(crate) fn fill(&mut self, out: &mut [u8], what: &str) -> Result<(), FormatError> {
        let wanted = out.len();
        let mut done = 0;
        while done < wanted {
            match self.reader.read(&mut out[done..]) {
                Ok(0) => {
                    let at = self.offset + done as u64;
                    let missing = wanted - done;
                    return Err(FormatError::new(
                        at,
                        format!(
                            "the file ends within {what}, at least {missing} bytes too early; fetch it again"
                        ),
                    ));
                }
                Ok(n) => done += n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => {
                    let at = self.offset + done as u64;
                    return Err(FormatError::new(
                        at,
                        format!("cannot unpack {what}: {e}; fetch the file again"),
                    ));
                }
            }
        }
        self.offset += wanted as u64;
        Ok(())
    }

    /// The next `N` bytes.
    pub(crate) fn take<const N: usize>(&mut self, what: &str) -> Result<[u8; N], FormatError> {
        let mut out = [0; N];
        self.fill(&mut out, what)?;
        Ok(out)
    }

    /// Decodes `count` values of `N` bytes each, in pieces, so that raw bytes and values never lie
    /// in memory side by side.
    pub(crate) fn values<T, const N: usize>(
        &mut self,
        count: usize,
        what: &str,
        decode: impl Fn([u8; N]) -> T,
    ) -> Result<Vec<T>, FormatError> {
        let size = (count as u64).saturating_mul(N as u64);
        self.expect(size, what)?;
        let mut out = Vec::new();
        out.try_reserve_exact(count)
            .map_err(|_| FormatError::new(self.offset, format!("no memory for {size} bytes of {what}")))?;
        let mut piece = vec![0; (1usize << 16).min(count.saturating_mul(N))];
        while out.len() < count {
            let n = (count - out.len()).min(piece.len() / N);
            self.fill(&mut piece[..n * N], what)?;
            out.extend(piece[..n * N].as_chunks::<N>().0.iter().map(|&bytes| decode(bytes)));
        }
        Ok(out)
    }

    /// Errors unless the stream ends here.
    pub(crate) fn end(&mut self, what: &str) -> Result<(), FormatError> {
        let mut one = [0];
        loop {
            match self.reader.read(&mut one) {
                Ok(0) => return Ok(()),
                Ok(_) => {
                    return Err(FormatError::new(
                        self.offset,
                        format!(
                            "more bytes follow the end of {what}: the header is damaged, or several arrays were written to one file"
                        ),
                    ));
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => {
                    return Err(FormatError::new(
                        self.offset,
                        format!("cannot unpack {what}: {e}; fetch the file again"),
                    ));
                }
            }
        }
    }
}
