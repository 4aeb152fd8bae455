//! NumPy's `.npz`: a zip archive of `.npy` members, stored or deflated.

use std::borrow::Cow;
use std::io::{Read, Seek};

use zip::ZipArchive;
use zip::result::ZipError;

use crate::unpack::{self, Bytes};
use crate::{Array, FormatError, npy};

/// An open archive. Members are read when asked for, in any order.
pub struct Npz<R> {
    zip: ZipArchive<R>,
    names: Vec<String>,
    /// What all members together may still unpack to: overlapping members make quadratic bombs otherwise.
    budget: u64,
}

impl<R> std::fmt::Debug for Npz<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Npz").field("names", &self.names).finish_non_exhaustive()
    }
}

impl<R: Read + Seek> Npz<R> {
    /// Reads the archive's directory of members.
    pub fn open(mut reader: R) -> Result<Self, FormatError> {
        let size = reader.seek(std::io::SeekFrom::End(0)).map_err(|e| FormatError::new(0, e.to_string()))?;
        let zip = ZipArchive::new(reader).map_err(|e| refusal("the zip archive", e))?;
        let mut names = Vec::new();
        for name in zip.file_names() {
            let name = name.map_err(|e| refusal("a member's name", e))?;
            names.push(name.strip_suffix(".npy").unwrap_or(&name).to_owned());
        }
        Ok(Self { zip, names, budget: unpack::limit(size) })
    }

    /// The arrays' names in the order of the archive, without `.npy`.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Reads the array called `name`; `None` if there is none.
    pub fn get(&mut self, name: &str) -> Result<Option<Array>, FormatError> {
        match self.names.iter().position(|n| n == name) {
            Some(index) => self.read(index).map(Some),
            None => Ok(None),
        }
    }

    /// Reads array number `index` of [`names`](Self::names).
    fn read(&mut self, index: usize) -> Result<Array, FormatError> {
        let name = Cow::Borrowed(self.names.get(index).map_or("", String::as_str));
        let member = self.zip.by_index(index).map_err(|e| refusal(&format!("member `{name}`"), e))?;
        let start = member.data_start().unwrap_or(0);
        // What the directory says of either size is a claim; the budget is not.
        let available = self.budget.min(member.size());
        let mut bytes = Bytes::unpacked(member, available);
        let read = npy::read_from(&mut bytes);
        self.budget -= bytes.offset().min(self.budget);
        read.map_err(|e| {
            let problem = format!("in member `{name}`, which starts at byte {start}: {}", e.problem);
            FormatError::new(e.offset, problem)
        })
    }

    /// Reads every array, in the order of the archive.
    pub fn read_all(&mut self) -> Result<Vec<(String, Array)>, FormatError> {
        (0..self.names.len()).map(|i| Ok((self.names[i].clone(), self.read(i)?))).collect()
    }
}

fn refusal(what: &str, error: ZipError) -> FormatError {
    let remedy = match &error {
        ZipError::CompressionMethodNotSupported(_) => {
            "; write it with numpy.savez or numpy.savez_compressed, which store or deflate"
        }
        ZipError::UnsupportedArchive(_) => "; write it with numpy.savez",
        ZipError::InvalidArchive(_) => "; the file is no npz, or cut short: fetch or write it again",
        _ => "",
    };
    FormatError::new(0, format!("cannot read {what}: {error}{remedy}"))
}
