//! The plan: points cut into chunks, by what they are. It never changes.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use neurohm_array::SettingError;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::description::{Description, Idle};
use super::resolve::{Made, Resolver};
use super::results;
use crate::error::StudyError;
use crate::folder::{RunFolder, write_file};
use crate::id::{digest, hex};
use crate::inputs::Inputs;
use crate::request::{Effects, idle};
use crate::study::AnyStudy;

/// Counts changes of what lies on the disk.
pub(crate) const FORMAT: u32 = 1;
/// Chunks that a sweep is cut into where its file does not say.
const CHUNKS: usize = 1000;
/// Points whose ids are worked out together.
const PIECE: usize = 512;
/// The plan's file.
pub(crate) const NAME: &str = "plan.json";
/// Largest file of a plan that is read, in bytes.
const LARGEST: u64 = 1 << 28;

/// A setting that has no effect at some points of a sweep.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdleSetting {
    /// The setting.
    pub path: String,
    /// At how many points.
    pub points: usize,
    /// Why, at the first of them.
    pub why: String,
}

/// The plan as it lies on the disk.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PlanFile {
    pub format: u32,
    /// Digest of all the rest.
    pub id: String,
    pub version: String,
    pub isa: String,
    pub study: String,
    pub revision: u32,
    pub points: usize,
    /// Points a chunk; the last chunk may have fewer.
    pub chunk: usize,
    /// Distinct preparations that all points share.
    pub preparations: usize,
    /// The name of the sweep's file.
    pub origin: String,
    /// Its text.
    pub sweep: String,
    /// Device and chip files that it names, by name.
    pub files: BTreeMap<String, String>,
    pub idle: Vec<IdleSetting>,
    /// The hash of each chunk.
    pub chunks: Vec<String>,
}

/// A sweep, planned.
pub struct Plan<'s> {
    pub(crate) file: PlanFile,
    pub(crate) resolver: Resolver<'s>,
    /// Points in the order of the chunks.
    pub(crate) order: Vec<u32>,
}

/// What became of a plan that was to be saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Saved {
    /// It was written.
    New,
    /// The same plan was there already.
    AlreadyThere,
}

/// Plans a sweep from the text of its file, which errors call `origin`. Every point is resolved and checked. `inputs` reads
/// device and chip files.
///
/// # Errors
/// Anything wrong with the text or with any point, with line and column: unknown settings, values out of range, settings
/// without effect at a point.
pub fn plan<'s>(
    text: &str,
    origin: &str,
    studies: &[&'s dyn AnyStudy],
    inputs: &dyn Inputs,
) -> Result<Plan<'s>, StudyError> {
    let resolver = Resolver::new(Description::parse(text, origin)?, studies, inputs)?;
    let (order, preparations) = order(&resolver)?;
    let (ids, idle) = ids(&resolver)?;
    let options = &resolver.description().options;
    let chunk = options.chunk.unwrap_or(order.len().div_ceil(CHUNKS)).min(order.len());
    let mut file = PlanFile {
        format: FORMAT,
        id: String::new(),
        version: env!("CARGO_PKG_VERSION").to_string(),
        isa: neurohm_num::simd::isa().name().to_string(),
        study: resolver.study.name().to_string(),
        revision: resolver.study.revision(),
        points: order.len(),
        chunk,
        preparations,
        origin: origin.to_string(),
        sweep: text.to_string(),
        files: resolver.files().clone(),
        idle,
        chunks: Vec::new(),
    };
    let ideal = options.ideal;
    let hashes = order.par_chunks(chunk).map(|points| {
        let ids: Vec<&str> = points.iter().map(|point| ids[*point as usize].as_str()).collect();
        chunk_hash(&file, ideal, &ids)
    });
    file.chunks = hashes.collect();
    file.id = plan_id(&file)?;
    Ok(Plan { file, resolver, order })
}

/// What a chunk of points with these ids is called: all that its numbers depend on.
pub(crate) fn chunk_hash(file: &PlanFile, ideal: bool, ids: &[&str]) -> String {
    let head = (file.format, &file.study, file.revision, &file.version, &file.isa, ideal);
    hex(format!("{head:?}{}", ids.join(" ")).as_bytes())
}

fn plan_id(file: &PlanFile) -> Result<String, StudyError> {
    let blank = PlanFile { id: String::new(), ..file.clone() };
    Ok(digest(&crate::request::json(&blank)?))
}

/// Points by what they share of preparation, else as they are; and how many preparations there are.
fn order(resolver: &Resolver<'_>) -> Result<(Vec<u32>, usize), StudyError> {
    let mut seen: HashMap<(Vec<u64>, u64), u32> = HashMap::new();
    let by_seed = resolver.study.prepares_by_seed();
    let mut keyed = Vec::with_capacity(resolver.points.len());
    for point in 0..resolver.points.len() {
        let seed = if by_seed { resolver.seed(point)? } else { 0 };
        let next = seen.len() as u32;
        keyed.push((*seen.entry((resolver.key(point, "config"), seed)).or_insert(next), point as u32));
    }
    keyed.sort_unstable();
    Ok((keyed.into_iter().map(|(_, point)| point).collect(), seen.len()))
}

/// Points by what they have in common in a section: for each of them, and the first point of each.
fn grouped(resolver: &Resolver<'_>, section: &str) -> (Vec<u32>, Vec<Vec<u32>>) {
    let mut seen: HashMap<Vec<u64>, u32> = HashMap::new();
    let mut groups: Vec<Vec<u32>> = Vec::new();
    let of = (0..resolver.points.len()).map(|point| {
        let next = groups.len() as u32;
        let group = *seen.entry(resolver.key(point, section)).or_insert(next);
        if group == next {
            groups.push(Vec::new());
        }
        groups[group as usize].push(point as u32);
        group
    });
    let of = of.collect();
    (of, groups)
}

/// What of a configuration decides ids and which settings have an effect.
struct Config {
    pruned: Option<String>,
    effects: Effects,
}

/// A setting without effect at a point.
struct Without {
    point: u32,
    made: Made,
    error: SettingError,
}

/// What a group of points that share a chip comes to.
type Group = (Vec<(u32, String)>, Vec<Without>);

/// Every point's id, each of them resolved and checked; and the settings that have no effect at some of them.
fn ids(resolver: &Resolver<'_>) -> Result<(Vec<String>, Vec<IdleSetting>), StudyError> {
    let (config_of, config_groups) = grouped(resolver, "config");
    let config = |points: &Vec<u32>| -> Result<Config, StudyError> {
        let config = resolver.config(points[0] as usize)?;
        let effects = Effects::of(resolver.study, &config)?;
        Ok(Config { pruned: resolver.pruned.config(&config), effects })
    };
    // Both stop at the first point that is wrong, whatever thread comes to it first.
    let configs = first_error(config_groups.par_iter().map(config).collect())?;
    let (_, chip_groups) = grouped(resolver, "chip");
    // Pieces, so that threads share what has one chip.
    let pieces: Vec<&[u32]> = chip_groups.iter().flat_map(|points| points.chunks(PIECE)).collect();
    let group = |points: &&[u32]| -> Result<Group, StudyError> {
        let (chip, made) = resolver.chip(points[0] as usize)?;
        let pruned = resolver.pruned.chip(&chip)?;
        let mut without = Vec::new();
        let mut ids = Vec::with_capacity(points.len());
        let mut asked: Option<(Effects, Vec<(usize, SettingError)>)> = None;
        for point in *points {
            let config = &configs[config_of[*point as usize] as usize];
            if asked.as_ref().is_none_or(|(effects, _)| *effects != config.effects) {
                asked = Some((config.effects, idle(resolver.study.name(), config.effects, &chip, &made)));
            }
            let found = asked.iter().flat_map(|(_, found)| found);
            without.extend(found.map(|(n, error)| Without {
                point: *point,
                made: made[*n].clone(),
                error: error.clone(),
            }));
            let (seed, chips) = (resolver.seed(*point as usize)?, resolver.chips(*point as usize)?);
            let (chip, config) = (pruned.as_deref(), config.pruned.as_deref());
            ids.push((*point, resolver.pruned.id(chip, config, None, seed, chips)));
        }
        Ok((ids, without))
    };
    let groups = first_error(pieces.par_iter().map(group).collect())?;
    let mut ids = vec![String::new(); resolver.points.len()];
    let mut without = Vec::new();
    for (found, idle) in groups {
        found.into_iter().for_each(|(point, id)| ids[point as usize] = id);
        without.extend(idle);
    }
    Ok((ids, judge_idle(resolver, without)?))
}

/// The results, or the error of the first that has one.
fn first_error<T>(results: Vec<Result<T, StudyError>>) -> Result<Vec<T>, StudyError> {
    results.into_iter().collect()
}

/// Refuses settings without effect, unless they are allowed and have one at some other point.
fn judge_idle(resolver: &Resolver<'_>, mut all: Vec<Without>) -> Result<Vec<IdleSetting>, StudyError> {
    all.sort_by_key(|without| without.point);
    let mut settings: Vec<(IdleSetting, &Without)> = Vec::new();
    let mut known: HashMap<&str, usize> = HashMap::new();
    for without in &all {
        let path = without.made.0.as_str();
        let n = *known.entry(path).or_insert(settings.len());
        if n == settings.len() {
            let why = without.error.message.split("; take it out").next().unwrap_or_default();
            let why = why.strip_prefix("this has no effect: ").unwrap_or(why).to_string();
            settings.push((IdleSetting { path: format!("chip.{path}"), points: 0, why }, without));
        }
        settings[n].0.points += 1;
    }
    let allowed = resolver.description().options.idle == Idle::Allow;
    let total = resolver.points.len();
    for (setting, first) in &settings {
        if allowed && setting.points < total {
            continue;
        }
        let mut error = first.error.clone();
        if allowed || setting.points == total {
            error.message += &format!(" (at every one of the {total} points)");
        } else {
            error.message += &format!(
                " (at {} of {total} points, the first of them point {}: {}); idle = \"allow\" under [sweep] runs them all the same",
                setting.points,
                first.point,
                resolver.words(first.point as usize)
            );
        }
        return Err(first.made.1.locate(error, "chip"));
    }
    Ok(settings.into_iter().map(|(setting, _)| setting).collect())
}

impl<'s> Plan<'s> {
    /// Its id: a digest of all that it says.
    pub fn id(&self) -> &str {
        &self.file.id
    }

    /// The study.
    pub fn study(&self) -> &'s dyn AnyStudy {
        self.resolver.study
    }

    /// How many points there are.
    pub fn points(&self) -> usize {
        self.order.len()
    }

    /// How many chunks there are.
    pub fn chunks(&self) -> usize {
        self.file.chunks.len()
    }

    /// Points a chunk; the last one may have fewer.
    pub fn chunk_size(&self) -> usize {
        self.file.chunk
    }

    /// Distinct preparations (data, networks) that all points share.
    pub fn preparations(&self) -> usize {
        self.file.preparations
    }

    /// Settings that have no effect at some points.
    pub fn idle(&self) -> &[IdleSetting] {
        &self.file.idle
    }

    /// The name and the number of values of each axis; none where any value of a range is drawn.
    pub fn axes(&self) -> impl Iterator<Item = (&str, Option<usize>)> {
        self.resolver.description().axes.iter().map(|axis| (axis.label.as_str(), axis.levels()))
    }

    /// A point in words.
    pub fn words(&self, point: usize) -> String {
        self.resolver.words(point)
    }

    /// The name of the sweep's file.
    pub fn origin(&self) -> &str {
        &self.file.origin
    }

    /// Where a point stands, axis by axis, as it is set.
    pub fn settings(&self, point: usize) -> impl Iterator<Item = (&str, String)> {
        let axes = self.resolver.description().axes.iter().enumerate();
        axes.map(move |(n, axis)| (axis.label.as_str(), axis.exactly(self.resolver.points.at(point, n))))
    }

    /// The points of a chunk.
    pub(crate) fn of_chunk(&self, chunk: usize) -> &[u32] {
        let first = (chunk * self.file.chunk).min(self.order.len());
        &self.order[first..(first + self.file.chunk).min(self.order.len())]
    }

    /// Writes the plan into `dir`, made if need be.
    ///
    /// # Errors
    /// Another plan that lies there, and what the system refuses.
    pub fn save(&self, dir: &Path) -> Result<Saved, StudyError> {
        let target = dir.join(NAME);
        if target.exists() {
            let there = read(&target)?;
            if there.id == self.file.id {
                return Ok(Saved::AlreadyThere);
            }
            let reason = if (&there.version, &there.isa) != (&self.file.version, &self.file.isa) {
                format!(", made by neurohm {} on {}", there.version, there.isa)
            } else {
                String::new()
            };
            return Err(StudyError::Invalid(format!(
                "{} holds another plan (of {}, {} points{reason}), and a plan never changes: name another folder",
                dir.display(),
                there.origin,
                there.points
            )));
        }
        let folder = RunFolder::open(dir)?;
        results::make(dir)?;
        let text = serde_json::to_string_pretty(&self.file);
        let text = text.map_err(|e| StudyError::Invalid(format!("the plan has no JSON form: {e}")))?;
        write_file(&target, (text + "\n").as_bytes())?;
        folder.filled();
        Ok(Saved::New)
    }

    /// The plan that lies in `dir`.
    ///
    /// # Errors
    /// No plan, a damaged or edited one, one of another version or of a study that has changed since.
    pub fn open(dir: &Path, studies: &[&'s dyn AnyStudy]) -> Result<Self, StudyError> {
        let path = dir.join(NAME);
        let file = read(&path)?;
        let wrong = |problem: String| StudyError::Read { path: path.clone(), problem };
        let ours = env!("CARGO_PKG_VERSION");
        if file.version != ours {
            return Err(wrong(format!(
                "the sweep was planned with neurohm {}, and this is {ours}: one sweep does not mix versions; go on with \
                 that version, or plan the sweep anew in another folder",
                file.version
            )));
        }
        let description = Description::parse(&file.sweep, &file.origin)?;
        let resolver = Resolver::again(description, &file.files, studies)?;
        let (order, _) = order(&resolver)?;
        let chunks = order.len().div_ceil(file.chunk.max(1));
        if resolver.study.revision() != file.revision
            || (order.len(), chunks) != (file.points, file.chunks.len())
        {
            return Err(wrong("its points are not those of this program: plan the sweep anew".into()));
        }
        Ok(Self { file, resolver, order })
    }

    /// Whether this machine computes what the plan asks for, to the bit.
    ///
    /// # Errors
    /// Another instruction set.
    pub fn check_machine(&self) -> Result<(), StudyError> {
        let ours = neurohm_num::simd::isa().name();
        if self.file.isa == ours {
            return Ok(());
        }
        Err(StudyError::Invalid(format!(
            "the sweep was planned for the instruction set {}, and this machine computes with {ours}: products would differ \
             in their last bits, and one sweep does not mix; run it on machines with {}, or plan it anew here",
            self.file.isa, self.file.isa
        )))
    }
}

/// Reads a plan's file and holds it against its own digest.
fn read(path: &Path) -> Result<PlanFile, StudyError> {
    let wrong = |problem: String| StudyError::Read { path: path.to_path_buf(), problem };
    let meta = std::fs::metadata(path).map_err(|e| match e.kind() {
        std::io::ErrorKind::NotFound => {
            wrong("there is no plan; `neurohm sweep plan FILE.toml -o DIR` makes one".into())
        }
        _ => wrong(e.to_string()),
    })?;
    if meta.len() > LARGEST {
        return Err(wrong(format!("{} bytes are too many for a plan", meta.len())));
    }
    let text = std::fs::read_to_string(path).map_err(|e| wrong(e.to_string()))?;
    let value: serde_json::Value = serde_json::from_str(&text)
        .map_err(|e| wrong(format!("it is no plan of a sweep, or damaged: {e}")))?;
    if value.get("format").and_then(serde_json::Value::as_u64).is_some_and(|f| f != u64::from(FORMAT)) {
        return Err(wrong(format!("its format is {}, and this version reads {FORMAT}", value["format"])));
    }
    let file: PlanFile = serde_json::from_value(value)
        .map_err(|e| wrong(format!("it is no plan of a sweep, or damaged: {e}")))?;
    if plan_id(&file)? != file.id {
        let problem = "it was edited or is damaged (its digest does not fit), and a plan never changes: plan the sweep \
                       anew in another folder";
        return Err(wrong(problem.into()));
    }
    Ok(file)
}
