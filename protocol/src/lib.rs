//! RESP2/RESP3 requests and replies.
#![forbid(unsafe_code)]
