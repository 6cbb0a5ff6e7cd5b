//! Values, rows, and the ways in which a backend or its driver changes a value.

use std::sync::{Arc, LazyLock};

use base64ct::{Base64, Encoding as _};
use hallpass_core::{Clock as _, SystemClock};

use crate::statement::Col;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Value {
    Null,
    Number(u64),
    Text(Arc<str>),
    Bytes(Arc<[u8]>),
    List(Vec<Value>),
    /// Greater than every other value: the end of a range.
    Top,
}

/// A value in each column; null if the table lacks the column. Clones share the values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row(Arc<[Value]>);

/// How a value is changed when it is written, read or compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lens {
    /// The lowest bits of a number, this many.
    Bits(u32),
    /// A number, at most this.
    AtMost(u64),
    /// A number minus one, except zero.
    OneLess,
    /// A number as a 32-bit float.
    Float,
    /// An instant without its milliseconds.
    Seconds,
    /// The first bytes, this many; of text, whole characters only.
    First(usize),
    /// The last bytes, this many.
    Last(usize),
    /// The bytes up to the first zero byte.
    UpToNul,
    /// Without zeros at the end, which some padding adds and removes.
    WithoutPadding,
    /// Text without regard to case; bytes as base64 without regard to case.
    AnyCase,
    /// Without spaces at the end.
    Trimmed,
    /// Characters outside ASCII become question marks.
    Ascii,
    /// Bytes as text.
    Utf8,
    NullIsZero,
    ZeroIsNull,
    /// The first elements of a list, this many.
    FirstOf(usize),
    /// An empty list becomes null.
    EmptyIsNull,
}

impl Value {
    pub(crate) fn text(text: &str) -> Self {
        Self::Text(text.into())
    }

    pub(crate) fn bytes(bytes: impl AsRef<[u8]>) -> Self {
        Self::Bytes(bytes.as_ref().into())
    }

    /// The current time of the server's own clock.
    pub(crate) fn clock() -> Self {
        Self::Number(SystemClock.now().as_millis())
    }

    pub(crate) const fn number(&self) -> Option<u64> {
        match self {
            Self::Number(number) => Some(*number),
            _ => None,
        }
    }

    pub(crate) fn plus(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::Number(left), Self::Number(right)) => Self::Number(left.saturating_add(*right)),
            _ => Self::Null,
        }
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Bytes(bytes) => bytes.len(),
            _ => 8,
        }
    }

    pub(crate) fn is_like(&self, pattern: &Self) -> bool {
        match (self, pattern) {
            (Self::Text(text), Self::Text(pattern)) => {
                let (text, pattern): (Vec<_>, Vec<_>) = (text.chars().collect(), pattern.chars().collect());
                like(&text, &pattern)
            }
            _ => self == pattern,
        }
    }
}

fn like(text: &[char], pattern: &[char]) -> bool {
    match (pattern.split_first(), text.split_first()) {
        (None, _) => text.is_empty(),
        (Some(('%', rest)), _) => (0..=text.len()).any(|at| like(&text[at..], rest)),
        (Some((wanted, pattern)), Some((found, text))) => {
            (*wanted == '_' || wanted == found) && like(text, pattern)
        }
        (Some(_), None) => false,
    }
}

impl Row {
    pub(crate) fn empty() -> Self {
        static EMPTY: LazyLock<Row> =
            LazyLock::new(|| Row([const { Value::Null }; Col::Epoch as usize + 1].into()));
        EMPTY.clone()
    }

    pub(crate) fn get(&self, col: Col) -> &Value {
        &self.0[col as usize]
    }

    pub(crate) fn set(&mut self, col: Col, value: Value) {
        Arc::make_mut(&mut self.0)[col as usize] = value;
    }

    pub(crate) fn len(&self) -> usize {
        self.0.iter().map(Value::len).sum()
    }
}

impl Lens {
    pub(crate) fn bend(self, value: Value) -> Value {
        match (self, value) {
            (Self::Bits(bits), Value::Number(number)) => Value::Number(number & ((1 << bits) - 1)),
            (Self::AtMost(most), Value::Number(number)) => Value::Number(number.min(most)),
            (Self::OneLess, Value::Number(number)) => Value::Number(number.saturating_sub(1)),
            #[expect(
                clippy::cast_precision_loss,
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "what is lost is the fault"
            )]
            (Self::Float, Value::Number(number)) => Value::Number(number as f32 as u64),
            (Self::Seconds, Value::Number(number)) => Value::Number(number / 1_000 * 1_000),
            (Self::First(most), Value::Text(text)) => Value::text(&text[..text.floor_char_boundary(most)]),
            (Self::First(most), Value::Bytes(bytes)) => Value::bytes(&bytes[..bytes.len().min(most)]),
            (Self::Last(most), Value::Bytes(bytes)) => {
                Value::bytes(&bytes[bytes.len().saturating_sub(most)..])
            }
            (Self::UpToNul, Value::Bytes(bytes)) => {
                Value::bytes(bytes.split(|byte| *byte == 0).next().unwrap_or_default())
            }
            (Self::WithoutPadding, Value::Bytes(bytes)) => {
                let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
                Value::bytes(&bytes[..end])
            }
            (Self::AnyCase, Value::Text(text)) => Value::text(&text.to_lowercase()),
            (Self::AnyCase, Value::Bytes(bytes)) => {
                Value::text(&Base64::encode_string(&bytes).to_lowercase())
            }
            (Self::Trimmed, Value::Text(text)) => Value::text(text.trim_end_matches(' ')),
            (Self::Ascii, Value::Text(text)) => {
                Value::text(&text.replace(|letter: char| !letter.is_ascii(), "?"))
            }
            (Self::Utf8, Value::Bytes(bytes)) => Value::bytes(String::from_utf8_lossy(&bytes).as_bytes()),
            (Self::NullIsZero, Value::Null) => Value::Number(0),
            (Self::ZeroIsNull, Value::Number(0)) => Value::Null,
            (Self::EmptyIsNull, Value::List(list)) if list.is_empty() => Value::Null,
            (Self::FirstOf(most), Value::List(mut list)) => {
                list.truncate(most);
                Value::List(list)
            }
            (lens, Value::List(list)) if !matches!(lens, Self::EmptyIsNull) => {
                Value::List(list.into_iter().map(|value| lens.bend(value)).collect())
            }
            (_, value) => value,
        }
    }
}
