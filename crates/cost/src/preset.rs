//! Technologies that come with the crate, and the files that start from one.

use neurohm_array::SettingError;
use neurohm_array::overlay::{self, Document};
use toml::{Table, Value};

use crate::{Known, Technology};

/// A technology that comes with neurohm.
#[derive(Clone, Copy, Debug)]
pub struct TechnologyPreset {
    /// Its name.
    pub name: &'static str,
    /// Its file, comments included: where users start their own.
    pub toml: &'static str,
}

macro_rules! presets {
    ($($name:literal),*) => {
        [$(TechnologyPreset { name: $name, toml: include_str!(concat!("../constants/", $name, ".toml")) }),*]
    };
}

static PRESETS: [TechnologyPreset; 3] = presets!["isaac_32nm", "puma_32nm", "neurosim_like_22nm"];

/// Where a file names no preset.
const DEFAULT: &str = "isaac_32nm";

/// All presets.
pub fn technologies() -> &'static [TechnologyPreset] {
    &PRESETS
}

/// The preset of that name.
///
/// # Errors
/// An unknown name, with those there are.
pub fn technology(name: &str) -> Result<Technology, SettingError> {
    let Some(preset) = PRESETS.iter().find(|p| p.name == name) else {
        let names = PRESETS.iter().map(|p| p.name.to_owned()).collect();
        return Err(SettingError::name("", "no technology is called", name, names));
    };
    let document = Document::parse(preset.toml, preset.name)?;
    let found: Technology = overlay::read(document.table().clone()).map_err(|e| document.locate(e))?;
    found.check().map_err(|e| document.locate(e))?;
    Ok(found)
}

/// Reads a technology's file. What it does not say is taken from the preset that its line `preset = "..."` names,
/// `isaac_32nm` without one.
///
/// # Errors
/// Anything wrong with the text, with line and column in `origin`.
pub fn parse_technology(text: &str, origin: &str) -> Result<Technology, SettingError> {
    let document = Document::parse(text, origin)?;
    let mut table = document.table().clone();
    let base = match table.remove("preset") {
        None => DEFAULT.to_owned(),
        Some(Value::String(name)) => name,
        Some(_) => {
            return Err(document.locate(SettingError::value("preset", "is not the name of a technology")));
        }
    };
    let base = technology(&base).map_err(|mut e| {
        e.path = "preset".to_owned();
        document.locate(e)
    })?;
    base.lay_over(table, origin).map_err(|e| document.locate(e))
}

impl Technology {
    /// This technology with other settings laid over. A constant may be given as its number alone (`power = "3 mW"`);
    /// then, or where a number comes without a source, `origin` becomes its source and it counts as assumed: nobody
    /// else's name stands under a user's number.
    ///
    /// # Errors
    /// A name that a technology does not have, with those it has; a value that does not fit, with its path.
    pub fn lay_over(&self, over: Table, origin: &str) -> Result<Self, SettingError> {
        let mut base = Table::try_from(self).map_err(|e| SettingError::value("", e.to_string()))?;
        let over = attributed(&base, over, origin);
        overlay::merge(Self::schema(), &mut base, &over)?;
        let found: Self = overlay::read(base)?;
        found.check()?;
        Ok(found)
    }

    /// Sets one setting, such as `adc.point.power` to `3 mW`.
    ///
    /// # Errors
    /// As [`lay_over`](Self::lay_over); nothing is changed then.
    pub fn set(&mut self, path: &str, value: &str) -> Result<(), SettingError> {
        *self = self.lay_over(overlay::assignment(path, value)?, "the user")?;
        Ok(())
    }

    /// The whole technology as TOML.
    ///
    /// # Errors
    /// None for a technology that was checked.
    pub fn to_toml(&self) -> Result<String, SettingError> {
        toml::to_string(self).map_err(|e| SettingError::value("", e.to_string()))
    }
}

/// A constant of a technology, for a reader.
#[derive(Clone, Debug, PartialEq)]
pub struct Stated {
    /// Its path, as settings take it.
    pub path: String,
    /// Its value with unit.
    pub value: String,
    /// How well it is known.
    pub known: Known,
    /// Where it comes from.
    pub source: String,
}

impl Stated {
    pub(crate) fn new(path: impl Into<String>, value: String, known: Known, source: &str) -> Self {
        Self { path: path.into(), value, known, source: source.to_owned() }
    }

    /// The same under another path.
    pub(crate) fn at(self, path: String) -> Self {
        Self { path, ..self }
    }
}

impl Technology {
    /// All its constants, each with value, source and how well it is known; behind them what its parts take from the
    /// tables of fits and designs.
    pub fn constants(&self) -> Vec<Stated> {
        let mut found = Vec::new();
        if let Ok(table) = Table::try_from(self) {
            gather("", &table, &mut found);
        }
        if let Some(congestion) = &self.router.congestion {
            let pairs = congestion.rates.iter().zip(&congestion.periods);
            let value: Vec<String> = pairs.map(|(rate, periods)| format!("{periods} at {rate}")).collect();
            found.push(Stated {
                path: "router.congestion (periods at flits a router and period)".to_owned(),
                value: value.join(", "),
                known: congestion.known,
                source: congestion.source.clone(),
            });
        }
        // A technology that was checked names nothing that the tables do not have.
        for tables in [self.adc.tables(), self.dac.tables(), self.array.tables()] {
            found.extend(tables.unwrap_or_default());
        }
        found
    }
}

fn gather(path: &str, table: &Table, found: &mut Vec<Stated>) {
    if is_constant(table) {
        let text = |name: &str| match table.get(name) {
            Some(Value::String(text)) => text.clone(),
            Some(value) => value.to_string(),
            None => String::new(),
        };
        let known = [Known::Published, Known::PublicCode, Known::Recalled];
        let known =
            known.into_iter().find(|k| Value::try_from(k).is_ok_and(|v| Some(&v) == table.get("known")));
        let known = known.unwrap_or(Known::Assumed);
        found.push(Stated { path: path.to_owned(), value: text("value"), known, source: text("source") });
        return;
    }
    for (name, value) in table {
        let here = overlay::join(path, name);
        match value {
            Value::Table(inner) => gather(&here, inner, found),
            Value::Array(items) => {
                for (i, item) in items.iter().enumerate().filter_map(|(i, v)| Some((i, v.as_table()?))) {
                    gather(&format!("{here}[{i}]"), item, found);
                }
            }
            _ => {}
        }
    }
}

/// Whether a table has the form of a constant.
fn is_constant(table: &Table) -> bool {
    table.contains_key("value") && table.contains_key("known")
}

/// `over` with every constant of it in full.
fn attributed(base: &Table, over: Table, origin: &str) -> Table {
    let place = |name: String, value: Value| {
        let value = match (base.get(&name), value) {
            (Some(Value::Table(old)), Value::Table(new)) if is_constant(old) => {
                Value::Table(with_source(new, origin))
            }
            (Some(Value::Table(old)), Value::Table(new)) => Value::Table(attributed(old, new, origin)),
            (Some(Value::Table(old)), bare @ (Value::String(_) | Value::Float(_) | Value::Integer(_)))
                if is_constant(old) =>
            {
                Value::Table(with_source(Table::from_iter([("value".to_owned(), bare)]), origin))
            }
            (_, value) => value,
        };
        (name, value)
    };
    over.into_iter().map(|(name, value)| place(name, value)).collect()
}

fn with_source(mut constant: Table, origin: &str) -> Table {
    if constant.contains_key("value") && !constant.contains_key("source") {
        constant.insert("source".to_owned(), Value::String(format!("set by {origin}")));
        constant.insert("known".to_owned(), Value::String("assumed".to_owned()));
    }
    constant
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::component::Adc;

    #[test]
    fn every_preset_reads_and_writes_back_to_itself() {
        for preset in technologies() {
            let read = technology(preset.name).unwrap();
            assert_eq!(read.name, preset.name);
            // Every constant of the file is told, with a source.
            let told = read.constants();
            let own = told.iter().filter(|c| !c.path.contains('('));
            assert_eq!(own.count(), preset.toml.matches("value =").count());
            assert!(told.iter().all(|c| !c.source.is_empty() && !c.value.is_empty()));
            assert_eq!(parse_technology(&read.to_toml().unwrap(), "again").unwrap(), read);
        }
    }

    #[test]
    fn what_comes_from_a_table_is_told_with_the_tables_source() {
        let told = |text: &str, start: &str| {
            let all = parse_technology(text, "mine").unwrap().constants();
            all.into_iter().filter(|c| c.path.starts_with(start) && c.path.contains('(')).collect::<Vec<_>>()
        };
        let survey =
            told("[adc.survey]\nrate = \"100 MHz\"\nnode = \"32 nm\"\nwalden = \"20 fJ\"\n", "adc.survey");
        assert!(survey.len() == 1 && survey[0].source.contains("Murmann"), "{survey:?}");
        assert!(survey[0].value.contains("180.14") && survey[0].known == Known::PublicCode, "{survey:?}");
        let listed = told("[adc.listed]\ndesign = \"mnsim_8b\"\n", "adc.listed");
        assert!(listed.iter().all(|c| c.source.contains("MNSIM")) && listed.len() == 3, "{listed:?}");
        assert_eq!(listed[1].value, "2 mW");
        let dac = told("[dac.listed]\ndesign = \"mnsim_4b\"\ntime = \"10 ns\"\n", "dac.listed");
        assert!(dac.len() == 2 && dac[0].value == "31.2 uW", "{dac:?}");
        let ours = technology("neurosim_like_22nm").unwrap().constants();
        for part in ["adc.sar (its fit)", "array.ohmic (its lines; in no bill)"] {
            let found = ours.iter().find(|c| c.path == part).unwrap();
            assert!(found.source.contains("NeuroSim"), "{found:?}");
        }
    }

    #[test]
    fn a_users_number_does_not_keep_the_publications_name() {
        let mut isaac = technology("isaac_32nm").unwrap();
        isaac.set("adc.point.power", "3 mW").unwrap();
        let Adc::Point(point) = &isaac.adc else { panic!("{:?}", isaac.adc) };
        assert_eq!((point.power_w.value, point.power_w.known), (3e-3, Known::Assumed));
        assert_eq!(point.power_w.source, "set by the user");
        // What was not touched stays what it was.
        assert!(point.rate_hz.known < Known::Assumed);
        let text = "preset = \"isaac_32nm\"\n[adc.point]\npower = { value = \"3 mW\", known = \"published\", source = \"my chip\" }\n";
        let Adc::Point(point) = parse_technology(text, "mine").unwrap().adc else { panic!() };
        assert_eq!((point.power_w.known, point.power_w.source.as_str()), (Known::Published, "my chip"));
    }

    #[test]
    fn another_law_may_be_written_in_plain_numbers() {
        let text = "[adc.survey]\nrate = \"100 MHz\"\nnode = \"32 nm\"\nwalden = \"20 fJ\"\n";
        let Adc::Survey(survey) = parse_technology(text, "mine").unwrap().adc else { panic!() };
        assert_eq!((survey.rate_hz.value, survey.walden_j.value), (1e8, 2e-14));
        assert_eq!((survey.rate_hz.known, survey.rate_hz.source.as_str()), (Known::Assumed, "not stated"));
    }

    #[test]
    fn mistakes_are_explained_where_they_stand() {
        let message = |text: &str| parse_technology(text, "mine.toml").unwrap_err().to_string();
        assert!(message("preset = \"isac_32nm\"").contains("did you mean `isaac_32nm`?"));
        assert!(message("[adc.point]\npowr = \"3 mW\"").contains("mine.toml:2:1"));
        assert!(message("[adc.point]\npower = \"3 kg\"").contains("a power"));
        assert!(message("[adc.point]\npower = \"-3 mW\"").contains("above 0"));
        assert!(message("[organisation]\ntiles = 0").contains("organisation.tiles: 0 is not from 1"));
        assert!(message("[adc.sar]\nnode = 3").contains("a length"));
        assert!(message("[dac.listed]\ndesign = \"mnsim_5b\"\ntime = \"10 ns\"").contains("mnsim_4b"));
    }
}
