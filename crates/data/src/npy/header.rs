//! The header of an `.npy` file: a Python dictionary literal.

use super::MAX_DIMS;

/// A number type as the file stores it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Bool,
    I8,
    I16,
    I32,
    I64,
    U8,
    U16,
    U32,
    U64,
    F16,
    F32,
    F64,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub kind: Kind,
    pub big_endian: bool,
    pub fortran: bool,
    pub shape: Vec<usize>,
}

/// A problem and its place in the header.
type Failure = (usize, String);

/// Parses `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }`, keys in any order.
pub(super) fn parse(text: &str) -> Result<Header, Failure> {
    let mut p = Parser { text, at: 0 };
    let (mut descr, mut fortran, mut shape) = (None, None, None);
    p.token("{")?;
    while !p.try_token("}") {
        let at = p.at;
        let key = p.string()?;
        p.token(":")?;
        match key {
            "descr" => descr = Some(p.descr()?),
            "fortran_order" => fortran = Some(p.boolean()?),
            "shape" => shape = Some(p.shape()?),
            _ => return Err((at, format!("the header has a key `{key}` that npy does not know"))),
        }
        if !p.try_token(",") {
            p.token("}")?;
            break;
        }
    }
    p.space();
    if p.at < text.len() {
        return Err((p.at, "the header goes on after its closing brace".into()));
    }
    let missing = |key: &str| (0, format!("the header has no `{key}`"));
    let (kind, big_endian) = descr.ok_or_else(|| missing("descr"))?;
    let fortran = fortran.ok_or_else(|| missing("fortran_order"))?;
    let shape = shape.ok_or_else(|| missing("shape"))?;
    Ok(Header { kind, big_endian, fortran, shape })
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn space(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    fn try_token(&mut self, token: &str) -> bool {
        self.space();
        let found = self.rest().starts_with(token);
        if found {
            self.at += token.len();
        }
        found
    }

    fn token(&mut self, token: &str) -> Result<(), Failure> {
        if self.try_token(token) { Ok(()) } else { Err(self.expected(&format!("`{token}`"))) }
    }

    fn expected(&self, what: &str) -> Failure {
        let found: String = self.rest().chars().take(12).collect();
        (
            self.at,
            format!("the header is not a dictionary that NumPy writes: expected {what}, found `{found}`"),
        )
    }

    fn string(&mut self) -> Result<&'a str, Failure> {
        self.space();
        let quote = self.rest().chars().next().filter(|c| matches!(c, '\'' | '"'));
        let quote = quote.ok_or_else(|| self.expected("a string"))?;
        let inner = &self.rest()[1..];
        let end = inner.find(quote).ok_or_else(|| self.expected("a string that ends"))?;
        self.at += end + 2;
        Ok(&inner[..end])
    }

    fn boolean(&mut self) -> Result<bool, Failure> {
        if self.try_token("True") {
            Ok(true)
        } else if self.try_token("False") {
            Ok(false)
        } else {
            Err(self.expected("True or False"))
        }
    }

    fn descr(&mut self) -> Result<(Kind, bool), Failure> {
        self.space();
        let at = self.at;
        if self.rest().starts_with('[') {
            return Err((
                at,
                "a structured array is not a dataset: save each field as an array of its own".into(),
            ));
        }
        let code = self.string()?;
        let (order, code) = match code.chars().next() {
            Some(order @ ('<' | '>' | '|' | '=')) => (order, &code[1..]),
            _ => ('=', code),
        };
        let kind = match code {
            "b1" | "?" => Kind::Bool,
            "i1" | "b" => Kind::I8,
            "i2" => Kind::I16,
            "i4" => Kind::I32,
            "i8" => Kind::I64,
            "u1" | "B" => Kind::U8,
            "u2" => Kind::U16,
            "u4" => Kind::U32,
            "u8" => Kind::U64,
            "f2" => Kind::F16,
            "f4" => Kind::F32,
            "f8" => Kind::F64,
            _ => return Err((at, refusal(code))),
        };
        if matches!(order, '=' | '|') && !matches!(kind, Kind::Bool | Kind::I8 | Kind::U8) {
            return Err((
                at,
                format!("the type `{code}` does not say its byte order: `<{code}` or `>{code}` does"),
            ));
        }
        Ok((kind, order == '>'))
    }

    fn shape(&mut self) -> Result<Vec<usize>, Failure> {
        let mut shape = Vec::new();
        self.token("(")?;
        while !self.try_token(")") {
            self.space();
            let at = self.at;
            let digits = self.rest().bytes().take_while(u8::is_ascii_digit).count();
            let number = &self.rest()[..digits];
            if digits == 0 {
                return Err(self.expected("a size"));
            }
            shape.push(
                number.parse().map_err(|_| (at, format!("the size {number} does not fit into memory")))?,
            );
            if shape.len() > MAX_DIMS {
                return Err((at, format!("more than {MAX_DIMS} dimensions")));
            }
            self.at += digits;
            // Python 2 marked long integers.
            self.try_token("L");
            if !self.try_token(",") {
                self.token(")")?;
                break;
            }
        }
        Ok(shape)
    }
}

/// Why an element type is not read, and what to do.
fn refusal(code: &str) -> String {
    let (what, remedy) = match code.chars().next() {
        Some('O') => (
            "Python objects (pickles, which can run code)",
            "make it an array of numbers with .astype(numpy.float32)",
        ),
        Some('c') => ("complex numbers", "save the real and imaginary parts as two arrays"),
        Some('U' | 'S' | 'a') => ("text", "save labels as integers"),
        Some('M' | 'm') => ("dates", "save them as numbers"),
        Some('f') => ("floating-point numbers of this width", "convert it with .astype(numpy.float32)"),
        _ => ("a type that is not a number", "convert it with .astype(numpy.float32)"),
    };
    format!("the array's type `{code}` is {what}: {remedy}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_in_any_order_and_python_2_marks_longs() {
        let header = parse("{\"shape\" : (3L,4 ), 'fortran_order':True,'descr' :'>i2'}  \n").unwrap();
        assert_eq!(header, Header { kind: Kind::I16, big_endian: true, fortran: true, shape: vec![3, 4] });
        assert_eq!(parse("{'descr': '|u1', 'fortran_order': False, 'shape': (), }").unwrap().shape, []);
    }

    #[test]
    fn refusals_say_what_to_do() {
        let descr = |code: &str| {
            parse(&format!("{{'descr': {code}, 'fortran_order': False, 'shape': (1,)}}")).unwrap_err().1
        };
        assert!(descr("'|O'").contains("astype"));
        assert!(descr("'<c8'").contains("real and imaginary"));
        assert!(descr("'<U5'").contains("integers"));
        assert!(descr("[('a', '<f4')]").contains("structured"));
        assert!(descr("'f4'").contains("byte order"));
    }

    #[test]
    fn problems_carry_their_place() {
        assert_eq!(parse("{'descr': '<f4', 'fortran_order': Maybe").unwrap_err().0, 34);
        assert!(parse("{'descr': '<f4', 'fortran_order': False}").unwrap_err().1.contains("no `shape`"));
        assert!(parse("{'descr': '<f4', 'x': 1}").unwrap_err().1.contains("`x`"));
        assert!(parse("{} {}").is_err());
    }
}
