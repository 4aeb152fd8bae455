//! Laying settings over a description, by its JSON schema: tables merge, a choice (an externally tagged
//! enum) with another tag replaces, with the same tag merges, everything else replaces. Serves chip files
//! over presets and `--set path=value`; works for any description that has a schema.
//!
//! Names are checked here against the schema, so an error knows the allowed names and the nearest one, and
//! the text it came from, so it knows the line.

mod node;

use std::collections::BTreeMap;
use std::ops::{Deref, DerefMut, Range};

use serde::de::DeserializeOwned;
use serde_json::Value as Schema;
use toml::{Table, Value};

use crate::error::nearest;
pub(crate) use node::{Fault, from_value};

/// A setting that cannot be used; its [details](SettingProblem) are its fields. They are boxed, so that results stay
/// small.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{}", .0.text())]
pub struct SettingError(Box<SettingProblem>);

impl Deref for SettingError {
    type Target = SettingProblem;
    fn deref(&self) -> &SettingProblem {
        &self.0
    }
}

impl DerefMut for SettingError {
    fn deref_mut(&mut self) -> &mut SettingProblem {
        &mut self.0
    }
}

/// What is wrong with a setting, and where.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct SettingProblem {
    /// The setting's path, such as `adc.uniform.resolution.bits`; empty for a file as a whole.
    pub path: String,
    /// What is wrong with it.
    pub message: String,
    /// What could stand there instead, where that is a list.
    pub allowed: Vec<String>,
    /// The allowed name that is most like the one found.
    pub nearest: Option<String>,
    /// The file or preset it was read from.
    pub origin: Option<String>,
    /// Line and column in it, from 1.
    pub place: Option<(usize, usize)>,
}

impl SettingError {
    /// A value that is out of its range.
    pub fn value(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self(Box::new(SettingProblem {
            path: path.into(),
            message: message.into(),
            ..SettingProblem::default()
        }))
    }

    /// A name that is none of `allowed`.
    pub fn name(path: impl Into<String>, what: &str, found: &str, allowed: Vec<String>) -> Self {
        let nearest = nearest(found, allowed.iter().map(String::as_str)).map(str::to_owned);
        let mut error = Self::value(path, format!("{what} `{found}`"));
        (error.allowed, error.nearest) = (allowed, nearest);
        error
    }
}

impl SettingProblem {
    fn text(&self) -> String {
        let mut text = String::new();
        if let Some(origin) = &self.origin {
            text += origin;
            if let Some((line, column)) = self.place {
                text += &format!(":{line}:{column}");
            }
            text += ": ";
        }
        if !self.path.is_empty() {
            text += &format!("{}: ", self.path);
        }
        text += &self.message;
        if let Some(nearest) = &self.nearest {
            text += &format!("; did you mean `{nearest}`?");
        }
        if !self.allowed.is_empty() {
            text += &format!(" (allowed: {})", self.allowed.join(", "));
        }
        text
    }
}

/// A TOML text that remembers where its settings stand.
#[derive(Clone, Debug)]
pub struct Document {
    origin: String,
    text: String,
    table: Table,
    spans: BTreeMap<String, Range<usize>>,
}

impl Document {
    /// Reads TOML; `origin` is how errors call it.
    ///
    /// # Errors
    /// Text that is no TOML, with its line and column.
    pub fn parse(text: &str, origin: &str) -> Result<Self, SettingError> {
        let mut document = Self {
            origin: origin.to_owned(),
            text: text.to_owned(),
            table: Table::new(),
            spans: BTreeMap::new(),
        };
        let located = |e: toml::de::Error| {
            let mut error = SettingError::value("", e.message());
            error.origin = Some(origin.to_owned());
            error.place = e.span().map(|span| line_and_column(text, span.start));
            error
        };
        document.table = toml::from_str(text).map_err(located)?;
        let tree = toml::de::DeTable::parse(text).map_err(located)?;
        collect_spans(tree.get_ref(), "", &mut document.spans);
        Ok(document)
    }

    /// Its settings.
    pub fn table(&self) -> &Table {
        &self.table
    }

    /// Adds to an error where in this text its path stands, or the nearest table around it.
    pub fn locate(&self, mut error: SettingError) -> SettingError {
        error.origin = Some(self.origin.clone());
        let mut path = error.path.as_str();
        while !path.is_empty() {
            if let Some(span) = self.spans.get(path) {
                let place = line_and_column(&self.text, span.start);
                error.place = Some(place);
                break;
            }
            path = path.rfind(['.', '[']).map_or("", |end| &path[..end]);
        }
        error
    }
}

fn collect_spans(table: &toml::de::DeTable, prefix: &str, spans: &mut BTreeMap<String, Range<usize>>) {
    for (key, value) in table.iter() {
        let path = join(prefix, key.get_ref());
        spans.insert(path.clone(), key.span());
        collect_inner(value.get_ref(), &path, spans);
    }
}

fn collect_inner(value: &toml::de::DeValue, path: &str, spans: &mut BTreeMap<String, Range<usize>>) {
    match value {
        toml::de::DeValue::Table(inner) => collect_spans(inner, path, spans),
        toml::de::DeValue::Array(items) => {
            for (i, item) in items.iter().enumerate() {
                let path = format!("{path}[{i}]");
                spans.insert(path.clone(), item.span());
                collect_inner(item.get_ref(), &path, spans);
            }
        }
        _ => {}
    }
}

fn line_and_column(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

/// The path of `name` in the table at `prefix`; either may be empty.
pub fn join(prefix: &str, name: &str) -> String {
    let dot = if prefix.is_empty() || name.is_empty() { "" } else { "." };
    format!("{prefix}{dot}{name}")
}

/// Lays `over` over `base`, both described by `schema`.
///
/// # Errors
/// A name that the schema does not know, or two choices where one is wanted.
pub fn merge(schema: &Schema, base: &mut Table, over: &Table) -> Result<(), SettingError> {
    let merged = merge_value(
        schema,
        schema,
        "",
        Some(Value::Table(std::mem::take(base))),
        Value::Table(over.clone()),
    )?;
    if let Value::Table(table) = merged {
        *base = table;
    }
    Ok(())
}

/// Reads `table` as a `T`; an error names the setting.
///
/// # Errors
/// A missing setting, or a value of the wrong kind.
pub fn read<T: DeserializeOwned>(table: Table) -> Result<T, SettingError> {
    from_value(Value::Table(table)).map_err(|e| SettingError::value(e.path, e.message))
}

/// The table that sets `path` to `value`, which is TOML where it reads as such and text otherwise
/// (`1e-3`, `"25 uS"` and `25 uS` all do).
///
/// # Errors
/// An empty path or an empty part of one.
pub fn assignment(path: &str, value: &str) -> Result<Table, SettingError> {
    let value = toml::from_str::<Table>(&format!("v = {value}"))
        .ok()
        .filter(|table| table.len() == 1)
        .and_then(|mut table| table.remove("v"))
        .unwrap_or_else(|| Value::String(value.to_owned()));
    let mut names = path.rsplit('.').map(str::trim);
    if path.split('.').any(|name| name.trim().is_empty()) {
        return Err(SettingError::value(path, "not a path; write it such as `adc.uniform.resolution.bits`"));
    }
    let last = names.next().unwrap_or_default();
    let leaf = Table::from_iter([(last.to_owned(), value)]);
    Ok(names.fold(leaf, |inner, name| Table::from_iter([(name.to_owned(), Value::Table(inner))])))
}

/// What a schema's node asks for.
enum Kind<'a> {
    Struct(&'a serde_json::Map<String, Schema>),
    /// Tags, each with the schema of its content, or none where the tag alone is the value.
    Choice(BTreeMap<&'a str, Option<&'a Schema>>),
    /// Any number of elements, all of this schema.
    List(&'a Schema),
    Leaf,
}

fn kind<'a>(root: &'a Schema, node: &'a Schema, value: &Value) -> Kind<'a> {
    let node = follow(root, node);
    if let Some(choices) = node.get("anyOf").and_then(Schema::as_array) {
        // `Option<T>` is T or null; a field may be text or a table: take what the value looks like.
        let fits = |choice: &&Schema| {
            let choice = follow(root, choice);
            match value {
                Value::Table(_) => choice.get("properties").is_some() || choice.get("oneOf").is_some(),
                Value::String(_) => choice.get("oneOf").is_some() || choice.get("enum").is_some(),
                Value::Array(_) => choice.get("items").is_some(),
                _ => false,
            }
        };
        return choices.iter().find(fits).map_or(Kind::Leaf, |choice| kind(root, choice, value));
    }
    if let Some(variants) = node.get("oneOf").and_then(Schema::as_array) {
        let mut tags = BTreeMap::new();
        for variant in variants {
            if let Some(tag) = variant.get("const").and_then(Schema::as_str) {
                tags.insert(tag, None);
            }
            for tag in variant.get("enum").and_then(Schema::as_array).into_iter().flatten() {
                tags.extend(tag.as_str().map(|tag| (tag, None)));
            }
            for (tag, inner) in variant.get("properties").and_then(Schema::as_object).into_iter().flatten() {
                tags.insert(tag.as_str(), Some(inner));
            }
        }
        return Kind::Choice(tags);
    }
    if let Some(properties) = node.get("properties").and_then(Schema::as_object) {
        return Kind::Struct(properties);
    }
    if let Some(items) = node.get("items") {
        return Kind::List(items);
    }
    if let Some(names) = node.get("enum").and_then(Schema::as_array) {
        return Kind::Choice(names.iter().filter_map(|n| Some((n.as_str()?, None))).collect());
    }
    Kind::Leaf
}

/// Follows references to a definition.
fn follow<'a>(root: &'a Schema, node: &'a Schema) -> &'a Schema {
    let mut node = node;
    while let Some(target) = node.get("$ref").and_then(Schema::as_str) {
        match root.pointer(target.trim_start_matches('#')) {
            Some(found) => node = found,
            None => break,
        }
    }
    node
}

fn merge_value(
    root: &Schema,
    node: &Schema,
    path: &str,
    base: Option<Value>,
    over: Value,
) -> Result<Value, SettingError> {
    match (kind(root, node, &over), over) {
        (Kind::Struct(properties), Value::Table(over)) => {
            let mut merged = match base {
                Some(Value::Table(table)) => table,
                _ => Table::new(),
            };
            for (name, value) in over {
                let here = join(path, &name);
                let Some(inner) = properties.get(&name) else {
                    let allowed = properties.keys().cloned().collect();
                    return Err(SettingError::name(here, "unknown setting", &name, allowed));
                };
                let below = merged.remove(&name);
                merged.insert(name, merge_value(root, inner, &here, below, value)?);
            }
            Ok(Value::Table(merged))
        }
        (Kind::Choice(tags), Value::Table(over)) => {
            let names = || tags.keys().map(|tag| (*tag).to_owned()).collect::<Vec<_>>();
            if over.len() != 1 {
                let found = over.keys().map(|k| format!("`{k}`")).collect::<Vec<_>>().join(" and ");
                let found = if found.is_empty() { "nothing".to_owned() } else { found };
                let message = format!("choose exactly one; found {found}");
                let mut error = SettingError::value(path, message);
                error.allowed = names();
                return Err(error);
            }
            let Some((tag, value)) = over.into_iter().next() else { return Ok(Value::Table(Table::new())) };
            let here = join(path, &tag);
            match tags.get(tag.as_str()) {
                None => Err(SettingError::name(here, "unknown choice", &tag, names())),
                Some(None) => {
                    Err(SettingError::value(path, format!("`{tag}` has no settings; write \"{tag}\"")))
                }
                Some(Some(inner)) => {
                    let below = match base {
                        Some(Value::Table(mut table)) => table.remove(&tag),
                        _ => None,
                    };
                    let merged = merge_value(root, inner, &here, below, value)?;
                    Ok(Value::Table(Table::from_iter([(tag, merged)])))
                }
            }
        }
        (Kind::Choice(tags), Value::String(tag)) => match tags.get(tag.as_str()) {
            Some(None) => Ok(Value::String(tag)),
            // "none" for { none = {} }: a tag alone means its settings as they are or by default.
            Some(Some(_)) => {
                let below = match base {
                    Some(Value::Table(mut table)) => table.remove(&tag),
                    _ => None,
                };
                let inner = below.unwrap_or(Value::Table(Table::new()));
                Ok(Value::Table(Table::from_iter([(tag, inner)])))
            }
            None => {
                let allowed = tags.keys().map(|tag| (*tag).to_owned()).collect();
                Err(SettingError::name(path, "unknown choice", &tag, allowed))
            }
        },
        (Kind::List(items), Value::Array(over)) => {
            let elements = over.into_iter().enumerate();
            // A list replaces; its elements are only looked at for their names.
            let elements = elements.map(|(i, v)| merge_value(root, items, &format!("{path}[{i}]"), None, v));
            elements.collect::<Result<_, _>>().map(Value::Array)
        }
        (_, over) => Ok(over),
    }
}
