//! RESP2/RESP3 requests and replies: bytes in, borrowed values out.
//!
//! Nothing here knows a socket, a key or what a command means. A session feeds its read buffer to
//! a [`RequestParser`] and gets back where each argument lies; a command writes its answer through
//! a [`Reply`] straight into the session's output buffer. The append-only file and the replication
//! stream are made of the same bytes: [`encode_command`] writes them and the parser reads them.
//!
//! Format: the RESP2 and RESP3 specifications; where they leave room, Redis 7.2's behaviour.
#![forbid(unsafe_code)]

mod double;
mod encode;
mod error;
mod float;
mod inline;
mod limits;
mod number;
mod reply;
mod request;

pub use double::DoubleText;
pub use encode::encode_command;
pub use error::ProtocolError;
pub use float::{parse_f64, parse_f64_leniently, parse_f64_without_underflow};
pub use limits::{Limits, UNAUTHENTICATED_ARGS_MAX, UNAUTHENTICATED_BULK_LEN_MAX};
pub use number::parse_i64;
pub use reply::{Deferred, Reply, Version};
pub use request::{ArgSpan, Progress, RequestParser};
