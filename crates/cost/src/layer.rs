//! Layers as shapes: all that a mapper knows of a network.

use serde::Serialize;

use crate::CostError;

/// A layer whose weights go onto crossbars.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Layer {
    /// Its name.
    pub name: String,
    /// Inputs of each group's matrix: word lines.
    pub rows: u64,
    /// Outputs of each group's matrix.
    pub columns: u64,
    /// Independent matrices (channel groups).
    pub groups: u64,
    /// Products of each matrix for one sample: positions of a convolution.
    pub products: u64,
    /// Different values that it reads for one sample; each is sent to it once.
    pub values_in: u64,
    /// The layers, by number, whose outputs it reads; none where it reads the network's input.
    pub after: Vec<usize>,
    /// Whether it has biases, which take a word line of each matrix where the chip keeps them on devices.
    pub bias: bool,
}

impl Layer {
    /// A dense layer that reads the one before it.
    pub fn dense(name: &str, rows: u64, columns: u64, after: Option<usize>) -> Self {
        let after = after.into_iter().collect();
        Self {
            name: name.to_owned(),
            rows,
            columns,
            groups: 1,
            products: 1,
            values_in: rows,
            after,
            bias: false,
        }
    }

    /// Weights.
    pub fn weights(&self) -> u64 {
        self.rows.saturating_mul(self.columns).saturating_mul(self.groups)
    }

    /// Multiply-accumulates of one sample.
    pub fn macs(&self) -> u64 {
        self.weights().saturating_mul(self.products)
    }

    /// Values that it gives for one sample.
    pub fn values_out(&self) -> u64 {
        self.columns.saturating_mul(self.groups).saturating_mul(self.products)
    }
}

/// Most of anything that a layer may have, so that products of counts stay in range.
const MOST: u64 = 1 << 40;

/// Most multiply-accumulates of a network, for the same reason.
const MOST_MACS: u64 = 1 << 50;

/// Checks that every layer is one and reads from layers before it.
///
/// # Errors
/// The first layer that is none, by number and name; a network without layers.
pub fn check(layers: &[Layer]) -> Result<(), CostError> {
    if layers.is_empty() {
        return Err(CostError::Empty);
    }
    let mut macs = 0u64;
    for (index, layer) in layers.iter().enumerate() {
        let wrong = |problem: String| Err(CostError::layer(index, &layer.name, problem));
        let counts = [
            ("rows", layer.rows),
            ("columns", layer.columns),
            ("groups", layer.groups),
            ("products", layer.products),
            ("values_in", layer.values_in),
        ];
        for (what, count) in counts {
            if !(1..=MOST).contains(&count) {
                return wrong(format!("{what} is {count}; 1 to {MOST} are allowed"));
            }
        }
        macs = macs.saturating_add(layer.macs()).saturating_add(layer.values_in);
        if macs > MOST_MACS {
            return wrong("the network comes to more than 1e15 multiply-accumulates a sample".to_owned());
        }
        if let Some(&before) = layer.after.iter().find(|&&before| before >= index) {
            return wrong(format!("it reads layer {before}, which does not come before it"));
        }
    }
    Ok(())
}

/// Reads a table of layers: CSV with a header of the columns `name`, `rows`, `columns`, and, where they are not 1,
/// `products` and `groups`. Layers follow one another.
///
/// # Errors
/// What is wrong, with its line.
pub fn parse_layers(text: &str) -> Result<Vec<Layer>, CostError> {
    const KNOWN: [&str; 5] = ["name", "rows", "columns", "products", "groups"];
    let wrong = |line: usize, problem: String| CostError::Line { line: line + 1, problem };
    let mut lines = text
        .trim_start_matches('\u{feff}')
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty() && !line.trim_start().starts_with('#'));
    let (at, header) = lines.next().ok_or(CostError::Empty)?;
    let columns: Vec<&str> = header.split(',').map(str::trim).collect();
    if let Some(unknown) = columns.iter().find(|name| !KNOWN.contains(name)) {
        return Err(wrong(at, format!("`{unknown}` is no column; there are {}", KNOWN.join(", "))));
    }
    let place = |name: &str| columns.iter().position(|column| *column == name);
    if let Some(missing) = KNOWN[..3].iter().find(|name| place(name).is_none()) {
        return Err(wrong(at, format!("the column `{missing}` is missing")));
    }
    let mut layers: Vec<Layer> = Vec::new();
    for (at, line) in lines {
        let cells: Vec<&str> = line.split(',').map(str::trim).collect();
        if cells.len() != columns.len() {
            let problem = format!("{} cells for {} columns", cells.len(), columns.len());
            return Err(wrong(at, problem));
        }
        let count = |name: &str| match place(name) {
            None => Ok(1),
            Some(i) => cells[i]
                .parse::<u64>()
                .map_err(|_| wrong(at, format!("{name} is `{}`; a whole number is needed", cells[i]))),
        };
        let name = place("name").map_or("", |i| cells[i]).to_owned();
        let (rows, groups, products) = (count("rows")?, count("groups")?, count("products")?);
        layers.push(Layer {
            name,
            rows,
            columns: count("columns")?,
            groups,
            products,
            values_in: rows.saturating_mul(groups).saturating_mul(products),
            after: layers.len().checked_sub(1).into_iter().collect(),
            bias: false,
        });
    }
    check(&layers)?;
    Ok(layers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_of_layers_is_read() {
        let layers =
            parse_layers("# LeNet\nname,rows,columns,products\nconv1,25,6,784\n\nfc,400,120,1\n").unwrap();
        assert_eq!((layers[0].macs(), layers[1].macs()), (25 * 6 * 784, 48_000));
        assert_eq!((layers[0].after.len(), &layers[1].after), (0, &vec![0]));
    }

    #[test]
    fn mistakes_name_line_layer_and_number() {
        let message = |text: &str| parse_layers(text).unwrap_err().to_string();
        assert!(message("name,row,columns\n").contains("line 1: `row` is no column"));
        assert!(message("name,rows\nx,1\n").contains("`columns` is missing"));
        assert!(message("name,rows,columns\nx,1\n").contains("line 2: 2 cells for 3"));
        assert!(message("name,rows,columns\nx,1,-4\n").contains("line 2: columns is `-4`"));
        assert!(message("name,rows,columns\nx,0,4\n").contains("layer 0 `x`: rows is 0"));
        assert!(
            message("name,rows,columns\nx,1099511627776,1099511627776\n").contains("multiply-accumulates")
        );
        assert!(message("").contains("no layer"));
        assert!(message("name,rows,columns\n").contains("no layer"));
    }
}
