//! What a chunk gave, as lines of JSON: first what it is and a digest of all of it, then a line a point.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::plan::FORMAT;
use crate::id::hex;
use crate::record::{Better, Bound, Level, Record};

/// The first line of a chunk's file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Head {
    pub format: u32,
    /// Digest of the whole file, with nothing in this place.
    pub digest: String,
    /// The chunk's hash.
    pub chunk: String,
    pub version: String,
    pub isa: String,
    pub study: String,
    pub revision: u32,
    pub points: usize,
    /// Bytes of the lines that follow.
    pub bytes: u64,
    /// Points that failed, by their place in the chunk, with the reason.
    pub failed: Vec<(usize, String)>,
    /// Wall time of all points, s.
    pub wall_s: f64,
    /// Digests of the files that were read (data, networks), by name, for each preparation that the points shared.
    pub files: BTreeMap<String, BTreeMap<String, String>>,
    /// The numbers that points hold.
    pub columns: Vec<Column>,
    /// Cautions that points hold.
    pub cautions: Vec<String>,
}

/// A number that points hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Column {
    pub name: String,
    pub unit: String,
    pub about: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub better: Option<Better>,
}

/// One point.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PointLine {
    /// The id of its description.
    pub id: String,
    /// The id of its record, in which the files that it read count too; none where it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<String>,
    /// Wall time, s.
    pub wall_s: f64,
    /// Its numbers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<Found>,
    /// Its cautions, by their place among those of the chunk.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cautions: Vec<usize>,
    /// Why it failed, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// A number of a point.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Found {
    /// Its place among the columns.
    #[serde(rename = "n")]
    pub column: usize,
    /// Its value.
    #[serde(rename = "v")]
    pub value: Number,
    /// Its 95 % interval, where it has one.
    #[serde(rename = "i", default, skip_serializing_if = "Option::is_none")]
    pub ci95: Option<[Number; 2]>,
    /// The same on ideal devices, where that was run.
    #[serde(rename = "d", default, skip_serializing_if = "Option::is_none")]
    pub ideal: Option<Number>,
    /// Where only a bound was found: on which side of the value the number lies.
    #[serde(rename = "b", default, skip_serializing_if = "Option::is_none")]
    pub bound: Option<Bound>,
}

/// A number that reads back to the bit, also one that JSON has no word for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Number(pub f64);

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        self.0.to_bits() == other.0.to_bits()
    }
}

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        if self.0.is_finite() { s.serialize_f64(self.0) } else { s.serialize_str(&self.0.to_string()) }
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Any;
        impl serde::de::Visitor<'_> for Any {
            type Value = Number;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a number")
            }
            fn visit_f64<E: serde::de::Error>(self, x: f64) -> Result<Number, E> {
                Ok(Number(x))
            }
            fn visit_i64<E: serde::de::Error>(self, x: i64) -> Result<Number, E> {
                Ok(Number(x as f64))
            }
            fn visit_u64<E: serde::de::Error>(self, x: u64) -> Result<Number, E> {
                Ok(Number(x as f64))
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Number, E> {
                match text {
                    "NaN" => Ok(Number(f64::NAN)),
                    "inf" => Ok(Number(f64::INFINITY)),
                    "-inf" => Ok(Number(f64::NEG_INFINITY)),
                    _ => Err(E::custom(format!("{text:?} is no number"))),
                }
            }
        }
        d.deserialize_any(Any)
    }
}

/// What a chunk gave.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Chunk {
    pub head: Head,
    pub points: Vec<PointLine>,
}

impl Chunk {
    /// Adds a point that gave a record.
    pub(crate) fn push(&mut self, id: String, record: &Record) {
        let values = record.scalars.iter().map(|(name, scalar)| {
            let (unit, about) = (scalar.unit.clone(), scalar.about.clone());
            let column = Column { name: name.clone(), unit, about, better: scalar.better };
            Found {
                column: place(&mut self.head.columns, column),
                value: Number(scalar.value),
                ci95: scalar.ci95.map(|ends| ends.map(Number)),
                ideal: scalar.ideal.map(Number),
                bound: scalar.bound,
            }
        });
        let values = values.collect();
        let cautions = record.notes.iter().filter(|note| note.level == Level::Caution);
        let cautions = cautions.map(|note| place(&mut self.head.cautions, note.text.clone())).collect();
        let (record, wall_s) = (Some(record.id.clone()), record.wall_s);
        self.points.push(PointLine { id, record, wall_s, values, cautions, error: None });
    }

    /// Adds a point that failed.
    pub(crate) fn fail(&mut self, id: String, wall_s: f64, error: String) {
        self.head.failed.push((self.points.len(), error.clone()));
        let (values, cautions) = (Vec::new(), Vec::new());
        self.points.push(PointLine { id, record: None, wall_s, values, cautions, error: Some(error) });
    }

    /// The text of its file.
    pub(crate) fn write(&self) -> Result<String, serde_json::Error> {
        let mut body = String::new();
        for point in &self.points {
            body += &serde_json::to_string(point)?;
            body.push('\n');
        }
        let wall_s = self.points.iter().map(|point| point.wall_s).sum();
        let (digest, bytes) = (String::new(), body.len() as u64);
        let mut head = Head { format: FORMAT, digest, bytes, wall_s, ..self.head.clone() };
        head.points = self.points.len();
        head.digest = digest_of(&head, &body)?;
        Ok(format!("{}\n{body}", serde_json::to_string(&head)?))
    }

    /// Reads what [`Self::write`] wrote, every byte of it.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        let (first, body) = text.split_once('\n').ok_or("it ends within its first line")?;
        let head = Head::read(first, text.len() as u64)?;
        let blank = Head { digest: String::new(), ..head.clone() };
        if digest_of(&blank, body).map_err(|e| e.to_string())? != head.digest {
            return Err("its digest does not fit: it is damaged or was edited".into());
        }
        let points: Result<Vec<PointLine>, _> = body.lines().map(serde_json::from_str).collect();
        let points = points.map_err(|e| e.to_string())?;
        if points.len() != head.points {
            return Err(format!("it says {} points and holds {}", head.points, points.len()));
        }
        Ok(Self { head, points })
    }
}

impl Head {
    /// Reads the first line of a file of so many bytes.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn read(line: &str, length: u64) -> Result<Self, String> {
        let head: Head =
            serde_json::from_str(line).map_err(|e| format!("it is no result of a chunk: {e}"))?;
        if head.format != FORMAT {
            return Err(format!("its format is {}, and this version reads {FORMAT}", head.format));
        }
        let expected = (line.len() as u64 + 1).saturating_add(head.bytes);
        if length != expected {
            return Err(format!("it holds {length} of {expected} bytes"));
        }
        Ok(head)
    }
}

fn digest_of(head: &Head, body: &str) -> Result<String, serde_json::Error> {
    Ok(hex(format!("{}\n{body}", serde_json::to_string(head)?).as_bytes()))
}

/// The place of an item in a list that it is added to where it is not there.
fn place<T: PartialEq>(list: &mut Vec<T>, item: T) -> usize {
    list.iter().position(|other| *other == item).unwrap_or_else(|| {
        list.push(item);
        list.len() - 1
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk() -> Chunk {
        let mut chunk = Chunk::default();
        let found =
            |column, value| Found { column, value: Number(value), ci95: None, ideal: None, bound: None };
        let values = vec![
            found(0, -0.0),
            found(1, 0.1 + 0.2),
            Found { ci95: Some([Number(f64::NEG_INFINITY), Number(f64::NAN)]), ..found(2, 5e-324) },
        ];
        let (record, cautions) = (Some("r".into()), vec![]);
        chunk.points.push(PointLine { id: "a".into(), record, wall_s: 0.5, values, cautions, error: None });
        chunk.fail("b".into(), 0.25, "it \"broke\"\nhere".into());
        chunk.head.chunk = "hash".into();
        chunk
    }

    #[test]
    fn a_chunk_reads_back_to_the_bit() {
        let text = chunk().write().unwrap();
        assert_eq!(text.lines().count(), 3);
        let read = Chunk::read(&text).unwrap();
        assert_eq!(read.points, chunk().points);
        assert_eq!((read.head.failed.len(), read.head.points, read.head.wall_s), (1, 2, 0.75));
        assert_eq!(read.write().unwrap(), text);
    }

    /// Every byte is flipped and every length is cut: none of it is taken for a result.
    #[test]
    fn no_damage_goes_unnoticed() {
        let text = chunk().write().unwrap();
        for n in 0..text.len() {
            assert!(Chunk::read(&text[..n]).is_err(), "cut at {n}");
            let mut bytes = text.clone().into_bytes();
            bytes[n] ^= 1;
            if let Ok(damaged) = String::from_utf8(bytes) {
                assert!(Chunk::read(&damaged).is_err(), "flipped at {n}: {damaged}");
            }
        }
        assert!(Chunk::read(&format!("{text}x")).is_err());
    }
}
