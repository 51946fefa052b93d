//! Why bytes are not a record, with the numbers and the way out.
//!
//! Every message is at most a few hundred bytes long, whatever the input: no input is quoted.

use hoga_core::records::RecordKind;

/// Why bytes are not a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// No bytes: a tombstone.
    #[error("the value is empty (a tombstone): nothing is deleted by key in hoga's topics; send a record")]
    Empty,
    /// The first byte is not 0x00.
    #[error(
        "the first byte is {found:#04x}, not 0x00: send Avro with the Confluent framing (0x00, 4-byte schema id, body)"
    )]
    Magic {
        /// The first byte.
        found: u8,
    },
    /// Too short for the framing.
    #[error("{len} bytes are less than the 5 of the Confluent framing: send 0x00, the 4-byte schema id, then the body")]
    Framing {
        /// How many bytes there are.
        len: usize,
    },
    /// No record has this schema id.
    #[error("schema id {id} is unknown, known are 1 to {last}: send with an id of hoga's catalogue")]
    UnknownSchema {
        /// The id.
        id: u32,
        /// The greatest known id.
        last: u32,
    },
    /// A field's bytes are not of its type.
    #[error("{record}.{field}: {fault} ({left} bytes before the end); encode with schemas/avro/{kind}.avsc")]
    Field {
        /// The record that the schema id names.
        kind: RecordKind,
        /// The record, or the part of it, that the field belongs to.
        record: &'static str,
        /// The field.
        field: &'static str,
        /// How many bytes of the value came after the last one that was read.
        left: usize,
        /// What is wrong.
        fault: Fault,
    },
    /// Bytes after the record's last field.
    #[error(
        "{len} bytes are left over after the last field of {kind}: send one record a value, encoded with its own schema"
    )]
    Trailing {
        /// The record.
        kind: RecordKind,
        /// How many.
        len: usize,
    },
}

/// What is wrong with a field's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The value ends within the field.
    #[error("needs {needed} bytes, {left} are left")]
    Cut {
        /// The least that is needed.
        needed: u64,
        /// What is left.
        left: usize,
    },
    /// A number of more than 64 bits.
    #[error("a number of more than 64 bits")]
    Varint,
    /// A number that the field cannot hold.
    #[error("{value} is not within {min} to {max}")]
    Range {
        /// The number.
        value: i64,
        /// The least.
        min: i64,
        /// The greatest.
        max: i64,
    },
    /// A negative length of a string or of bytes.
    #[error("the length {len} is negative")]
    NegativeLength {
        /// The length.
        len: i64,
    },
    /// A string or bytes longer than allowed.
    #[error("{len} bytes, at most {max} are allowed")]
    TooLong {
        /// The length.
        len: u64,
        /// The most.
        max: usize,
    },
    /// A string that is not UTF-8.
    #[error("not UTF-8 after {valid} bytes")]
    Utf8 {
        /// How many bytes of the string are.
        valid: usize,
    },
    /// A boolean other than 0 and 1.
    #[error("a boolean is 0 or 1, not {byte}")]
    Boolean {
        /// The byte.
        byte: u8,
    },
    /// An enum's index past its symbols.
    #[error("enum index {index}, known are 0 to {last}")]
    EnumIndex {
        /// The index.
        index: i64,
        /// The greatest known.
        last: usize,
    },
    /// An optional field whose union index is neither 0 (null) nor 1.
    #[error("union index {index}, known are 0 (null) and 1")]
    UnionIndex {
        /// The index.
        index: i64,
    },
    /// A decimal without a byte; zero is one byte 0x00.
    #[error("a decimal of no bytes; zero is one byte 0x00")]
    EmptyDecimal,
    /// A decimal of more than 38 digits.
    #[error("a decimal of more than 38 digits")]
    Digits,
    /// An array that claims more items than the bytes that are left can hold.
    #[error("{count} items of at least {min_len} bytes do not fit into the {left} bytes that are left")]
    Items {
        /// How many.
        count: u64,
        /// The least length of one.
        min_len: usize,
        /// What is left.
        left: usize,
    },
}
