//! An n-dimensional array as a file holds it, in its own number type.

/// An array in C order (last index fastest), whatever order its file had.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// Sizes of the dimensions; empty for a single value.
    pub shape: Vec<usize>,
    /// The values in C order, as many as the shape's product.
    pub values: Values,
}

macro_rules! numbers {
    ($($(#[$about:meta])* $variant:ident($kind:ty)),+ $(,)?) => {
        /// Values of one number type. Half precision is widened to `F32`, exactly.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Values {
            $($(#[$about])* $variant(Vec<$kind>)),+
        }

        impl Values {
            /// Number of values.
            pub fn len(&self) -> usize {
                match self { $(Self::$variant(v) => v.len()),+ }
            }

            /// What NumPy calls the type.
            pub fn type_name(&self) -> &'static str {
                match self { $(Self::$variant(_) => <$kind as Element>::NAME),+ }
            }

            /// Every value as the nearest `f32`; booleans are 0 and 1.
            pub fn into_f32(self) -> Vec<f32> {
                match self {
                    Self::F32(v) => v,
                    $(#[allow(unreachable_patterns)] Self::$variant(v) => v.into_iter().map(Element::to_f32).collect()),+
                }
            }

            /// Every value as the nearest `f64`; booleans are 0 and 1.
            pub fn into_f64(self) -> Vec<f64> {
                match self {
                    Self::F64(v) => v,
                    $(#[allow(unreachable_patterns)] Self::$variant(v) => v.into_iter().map(Element::to_f64).collect()),+
                }
            }

            /// Value `i` as an `f64`; whole numbers beyond 2^53 are rounded.
            pub fn get(&self, i: usize) -> Option<f64> {
                match self { $(Self::$variant(v) => v.get(i).map(|&x| x.to_f64())),+ }
            }

            /// Reorders values that lie first index fastest into C order.
            pub(crate) fn in_c_order(self, shape: &[usize]) -> Self {
                match self { $(Self::$variant(v) => Self::$variant(c_order(v, shape))),+ }
            }
        }

        $(impl From<Vec<$kind>> for Values {
            fn from(values: Vec<$kind>) -> Self { Self::$variant(values) }
        })+
    };
}

numbers! {
    /// `bool`
    Bool(bool),
    /// `int8`
    I8(i8),
    /// `int16`
    I16(i16),
    /// `int32`
    I32(i32),
    /// `int64`
    I64(i64),
    /// `uint8`
    U8(u8),
    /// `uint16`
    U16(u16),
    /// `uint32`
    U32(u32),
    /// `uint64`
    U64(u64),
    /// `float32`, and `float16` widened
    F32(f32),
    /// `float64`
    F64(f64),
}

impl Values {
    /// Whether there are no values.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A number that an array can hold.
pub trait Element: Copy {
    /// NumPy's name of the type, "float32".
    const NAME: &'static str;
    /// NumPy's little-endian type code, "<f4".
    const CODE: &'static str;
    /// The nearest `f32`.
    fn to_f32(self) -> f32;
    /// The nearest `f64`.
    fn to_f64(self) -> f64;
    /// Appends the little-endian bytes.
    fn put(self, out: &mut Vec<u8>);
}

macro_rules! element {
    ($($kind:ty, $name:literal, $code:literal);+ $(;)?) => {$(
        impl Element for $kind {
            const NAME: &'static str = $name;
            const CODE: &'static str = $code;
            fn to_f32(self) -> f32 { self as f32 }
            fn to_f64(self) -> f64 { self as f64 }
            fn put(self, out: &mut Vec<u8>) { out.extend_from_slice(&self.to_le_bytes()) }
        }
    )+};
}

element! {
    i8, "int8", "|i1"; i16, "int16", "<i2"; i32, "int32", "<i4"; i64, "int64", "<i8";
    u8, "uint8", "|u1"; u16, "uint16", "<u2"; u32, "uint32", "<u4"; u64, "uint64", "<u8";
    f32, "float32", "<f4"; f64, "float64", "<f8";
}

impl Element for bool {
    const NAME: &'static str = "bool";
    const CODE: &'static str = "|b1";
    fn to_f32(self) -> f32 {
        f32::from(u8::from(self))
    }
    fn to_f64(self) -> f64 {
        f64::from(u8::from(self))
    }
    fn put(self, out: &mut Vec<u8>) {
        out.push(u8::from(self));
    }
}

/// Gathers `values`, first index fastest, into last index fastest.
fn c_order<T: Copy>(values: Vec<T>, shape: &[usize]) -> Vec<T> {
    if shape.iter().filter(|&&d| d != 1).count() < 2 || values.is_empty() {
        return values;
    }
    let mut stride = 1;
    let strides: Vec<usize> = shape
        .iter()
        .map(|&d| {
            let s = stride;
            stride *= d;
            s
        })
        .collect();
    let mut index = vec![0; shape.len()];
    let mut at = 0;
    let mut out = Vec::with_capacity(values.len());
    loop {
        out.push(values[at]);
        let mut axis = shape.len();
        loop {
            if axis == 0 {
                return out;
            }
            axis -= 1;
            index[axis] += 1;
            at += strides[axis];
            if index[axis] < shape[axis] {
                break;
            }
            at -= shape[axis] * strides[axis];
            index[axis] = 0;
        }
    }
}
