//! Replies of any shape, decoded by the `redis-protocol` crate in both versions.

use proptest::collection::vec;
use proptest::prelude::*;
use protocol::{DoubleText, Reply, Version};
use redis_protocol::resp2::types::{OwnedFrame as Frame2, Resp2Frame};
use redis_protocol::resp3::types::{OwnedFrame as Frame3, Resp3Frame, VerbatimStringFormat};
use redis_protocol::{resp2, resp3};

/// A reply, as a command might give it.
#[derive(Clone, Debug)]
enum Value {
    Simple(String),
    Error(String),
    Integer(i64),
    Bulk(Vec<u8>),
    Null,
    NullArray,
    Double(f64),
    Boolean(bool),
    BigNumber(String),
    Verbatim(Vec<u8>),
    Array(Vec<Value>),
    DeferredArray(Vec<Value>),
    /// The keys are the positions: a decoder may drop a pair whose key it has seen.
    Map(Vec<Value>),
    DeferredMap(Vec<Value>),
    /// Integers from 0 up to here, since a decoder may drop repeated values.
    Set(u8),
}

impl Value {
    fn write(&self, reply: &mut Reply<'_>) {
        match self {
            Value::Simple(text) => reply.simple(text),
            Value::Error(text) => reply.error(text),
            Value::Integer(value) => reply.integer(*value),
            Value::Bulk(value) => reply.bulk(value),
            Value::Null => reply.null(),
            Value::NullArray => reply.null_array(),
            Value::Double(value) => reply.double(*value),
            Value::Boolean(value) => reply.boolean(*value),
            Value::BigNumber(digits) => reply.big_number(digits),
            Value::Verbatim(text) => reply.verbatim(b"txt", text),
            Value::Array(values) => {
                reply.array(values.len());
                write_all(values, reply);
            }
            Value::DeferredArray(values) => {
                let deferred = reply.begin_deferred();
                write_all(values, reply);
                reply.end_deferred_array(deferred, values.len());
            }
            Value::Map(values) => {
                reply.map(values.len());
                write_pairs(values, reply);
            }
            Value::DeferredMap(values) => {
                let deferred = reply.begin_deferred();
                write_pairs(values, reply);
                reply.end_deferred_map(deferred, values.len());
            }
            Value::Set(len) => {
                reply.set(usize::from(*len));
                (0..*len).for_each(|value| reply.integer(i64::from(value)));
            }
        }
    }

    fn in_resp2(&self) -> Frame2 {
        match self {
            Value::Simple(text) => Frame2::SimpleString(text.clone().into_bytes()),
            Value::Error(text) => Frame2::Error(text.clone()),
            Value::Integer(value) => Frame2::Integer(*value),
            Value::Bulk(value) | Value::Verbatim(value) => Frame2::BulkString(value.clone()),
            Value::Null | Value::NullArray => Frame2::Null,
            Value::Double(value) => Frame2::BulkString(DoubleText::new(*value).as_bytes().to_vec()),
            Value::Boolean(value) => Frame2::Integer(i64::from(*value)),
            Value::BigNumber(digits) => Frame2::BulkString(digits.clone().into_bytes()),
            Value::Array(values) | Value::DeferredArray(values) => {
                Frame2::Array(values.iter().map(Value::in_resp2).collect())
            }
            Value::Map(values) | Value::DeferredMap(values) => {
                let pair = |(key, value): (i64, &Value)| [Frame2::Integer(key), value.in_resp2()];
                Frame2::Array((0..).zip(values).flat_map(pair).collect())
            }
            Value::Set(len) => Frame2::Array((0..i64::from(*len)).map(Frame2::Integer).collect()),
        }
    }

    fn in_resp3(&self) -> Frame3 {
        let attributes = None;
        match self {
            Value::Simple(text) => Frame3::SimpleString {
                data: text.clone().into_bytes(),
                attributes,
            },
            Value::Error(text) => Frame3::SimpleError {
                data: text.clone(),
                attributes,
            },
            Value::Integer(value) => integer3(*value),
            Value::Bulk(value) => Frame3::BlobString {
                data: value.clone(),
                attributes,
            },
            Value::Null | Value::NullArray => Frame3::Null,
            Value::Double(value) => Frame3::Double {
                data: *value,
                attributes,
            },
            Value::Boolean(value) => Frame3::Boolean {
                data: *value,
                attributes,
            },
            Value::BigNumber(digits) => Frame3::BigNumber {
                data: digits.clone().into_bytes(),
                attributes,
            },
            Value::Verbatim(text) => Frame3::VerbatimString {
                data: text.clone(),
                format: VerbatimStringFormat::Text,
                attributes,
            },
            Value::Array(values) | Value::DeferredArray(values) => Frame3::Array {
                data: values.iter().map(Value::in_resp3).collect(),
                attributes,
            },
            Value::Map(values) | Value::DeferredMap(values) => {
                let pair = |(key, value): (i64, &Value)| (integer3(key), value.in_resp3());
                Frame3::Map {
                    data: (0..).zip(values).map(pair).collect(),
                    attributes,
                }
            }
            Value::Set(len) => Frame3::Set {
                data: (0..i64::from(*len)).map(integer3).collect(),
                attributes,
            },
        }
    }
}

fn write_all(values: &[Value], reply: &mut Reply<'_>) {
    values.iter().for_each(|value| value.write(reply));
}

fn write_pairs(values: &[Value], reply: &mut Reply<'_>) {
    for (key, value) in (0..).zip(values) {
        reply.integer(key);
        value.write(reply);
    }
}

fn integer3(data: i64) -> Frame3 {
    Frame3::Number {
        data,
        attributes: None,
    }
}

fn value() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        "[ -~]{0,20}".prop_map(Value::Simple),
        "ERR [ -~é]{0,20}".prop_map(Value::Error),
        any::<i64>().prop_map(Value::Integer),
        (-200i64..200).prop_map(Value::Integer),
        vec(any::<u8>(), 0..200).prop_map(Value::Bulk),
        Just(Value::Null),
        Just(Value::NullArray),
        any::<f64>()
            .prop_filter("nan equals nothing", |value| !value.is_nan())
            .prop_map(Value::Double),
        any::<bool>().prop_map(Value::Boolean),
        "-?[1-9][0-9]{0,40}".prop_map(Value::BigNumber),
        vec(any::<u8>(), 0..40).prop_map(Value::Verbatim),
        any::<u8>().prop_map(Value::Set),
    ];
    scalar.prop_recursive(4, 64, 12, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..12).prop_map(Value::Array),
            vec(inner.clone(), 0..12).prop_map(Value::DeferredArray),
            vec(inner.clone(), 0..12).prop_map(Value::Map),
            vec(inner, 0..12).prop_map(Value::DeferredMap),
        ]
    })
}

fn written(version: Version, write: impl FnOnce(&mut Reply<'_>)) -> Vec<u8> {
    let mut buf = Vec::new();
    write(&mut Reply::new(&mut buf, version));
    buf
}

proptest! {
    #[test]
    fn resp2_replies_decode_to_what_was_meant(value in value()) {
        let bytes = written(Version::Resp2, |reply| value.write(reply));
        let decoded = resp2::decode::decode(&bytes).unwrap();
        prop_assert_eq!(decoded, Some((value.in_resp2(), bytes.len())));
    }

    #[test]
    fn resp3_replies_decode_to_what_was_meant(value in value()) {
        let bytes = written(Version::Resp3, |reply| value.write(reply));
        let decoded = resp3::decode::complete::decode(&bytes).unwrap();
        prop_assert_eq!(decoded, Some((value.in_resp3(), bytes.len())));
    }
}

#[test]
fn push_messages_decode() {
    let message = |reply: &mut Reply<'_>| {
        reply.push(3);
        reply.bulk(b"message");
        reply.bulk(b"channel");
        reply.bulk(b"text");
    };
    let bytes = written(Version::Resp3, message);
    let (frame, len) = resp3::decode::complete::decode(&bytes).unwrap().unwrap();
    assert_eq!(len, bytes.len());
    assert!(frame.is_normal_pubsub_message());
    let bytes = written(Version::Resp2, message);
    let (frame, len) = resp2::decode::decode(&bytes).unwrap().unwrap();
    assert_eq!(len, bytes.len());
    assert!(frame.is_normal_pubsub_message());
}

#[test]
fn attributes_decode_with_the_reply_they_belong_to() {
    let bytes = written(Version::Resp3, |reply| {
        assert!(reply.attribute(1));
        reply.bulk(b"ttl");
        reply.integer(3600);
        reply.bulk(b"value");
    });
    let (frame, len) = resp3::decode::complete::decode(&bytes).unwrap().unwrap();
    assert_eq!(len, bytes.len());
    let Frame3::BlobString {
        data,
        attributes: Some(attributes),
    } = frame
    else {
        panic!("a bulk string with attributes, not {frame:?}");
    };
    let ttl = Frame3::BlobString {
        data: b"ttl".to_vec(),
        attributes: None,
    };
    assert_eq!(data, b"value");
    assert_eq!(
        attributes.into_iter().collect::<Vec<_>>(),
        [(ttl, integer3(3600))]
    );
}
