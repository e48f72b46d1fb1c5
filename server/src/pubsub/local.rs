//! The subscribers of one worker, and the shape of what they receive.

use std::sync::Arc;

use foldhash::fast::RandomState;
use hashbrown::HashMap;
use protocol::{Reply, Version};
use storage::glob::glob_match;

use super::Message;
use crate::session::ChannelKind;

/// Who in this worker listens to what.
#[derive(Debug, Default)]
pub(crate) struct LocalSubscribers {
    channels: Listeners,
    patterns: Listeners,
    shard_channels: Listeners,
}

type Listeners = HashMap<Arc<[u8]>, Vec<Listener>, RandomState>;

/// One session's subscription.
#[derive(Clone, Copy, Debug)]
struct Listener {
    session: u32,
    /// The first event of the worker's inbox that it receives.
    since: u64,
}

impl LocalSubscribers {
    /// Adds a subscription that receives events from number `since` on.
    pub(crate) fn add(&mut self, kind: ChannelKind, name: Arc<[u8]>, session: u32, since: u64) {
        self.of_mut(kind)
            .entry(name)
            .or_default()
            .push(Listener { session, since });
    }

    /// Removes a subscription.
    pub(crate) fn remove(&mut self, kind: ChannelKind, name: &[u8], session: u32) {
        let listeners = self.of_mut(kind);
        if let Some(list) = listeners.get_mut(name) {
            list.retain(|listener| listener.session != session);
            if list.is_empty() {
                listeners.remove(name);
            }
        }
    }

    fn of_mut(&mut self, kind: ChannelKind) -> &mut Listeners {
        match kind {
            ChannelKind::Channel => &mut self.channels,
            ChannelKind::Pattern => &mut self.patterns,
            ChannelKind::Shard => &mut self.shard_channels,
        }
    }

    /// Hands event `number` to every session that receives it: channel subscriptions first, then patterns.
    pub(crate) fn deliver(
        &self,
        number: u64,
        message: &Message,
        mut to: impl FnMut(u32, &mut Encoded<'_>),
    ) {
        let exact = match message.kind {
            ChannelKind::Shard => &self.shard_channels,
            _ => &self.channels,
        };
        if let Some(list) = exact.get(message.channel()) {
            let mut encoded = Encoded::new(message, None);
            each(list, number, |session| to(session, &mut encoded));
        }
        if message.kind != ChannelKind::Channel {
            return;
        }
        for (pattern, list) in &self.patterns {
            if glob_match(pattern, message.channel()) {
                let mut encoded = Encoded::new(message, Some(pattern));
                each(list, number, |session| to(session, &mut encoded));
            }
        }
    }
}

fn each(list: &[Listener], number: u64, mut to: impl FnMut(u32)) {
    list.iter()
        .filter(|listener| number >= listener.since)
        .for_each(|listener| to(listener.session));
}

/// A message in wire form, encoded once per dialect however many sessions receive it.
pub(crate) struct Encoded<'m> {
    message: &'m Message,
    pattern: Option<&'m [u8]>,
    resp2: Vec<u8>,
    resp3: Vec<u8>,
}

impl<'m> Encoded<'m> {
    fn new(message: &'m Message, pattern: Option<&'m [u8]>) -> Self {
        Self {
            message,
            pattern,
            resp2: Vec::new(),
            resp3: Vec::new(),
        }
    }

    /// The bytes for a session of this version.
    pub(crate) fn bytes(&mut self, version: Version) -> &[u8] {
        let bytes = match version {
            Version::Resp2 => &mut self.resp2,
            Version::Resp3 => &mut self.resp3,
        };
        if bytes.is_empty() {
            let mut reply = Reply::new(bytes, version);
            match self.pattern {
                Some(pattern) => {
                    reply.push(4);
                    reply.bulk(b"pmessage");
                    reply.bulk(pattern);
                }
                None => {
                    reply.push(3);
                    let shard = self.message.kind == ChannelKind::Shard;
                    reply.bulk(if shard { b"smessage" } else { b"message" });
                }
            }
            reply.bulk(self.message.channel());
            reply.bulk(self.message.payload());
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delivered(
        subscribers: &LocalSubscribers,
        number: u64,
        message: &Message,
    ) -> Vec<(u32, String)> {
        let mut all = Vec::new();
        subscribers.deliver(number, message, |session, encoded| {
            let bytes = encoded.bytes(Version::Resp2).to_vec();
            all.push((session, String::from_utf8(bytes).unwrap()));
        });
        all
    }

    #[test]
    fn a_message_reaches_channels_then_patterns_but_none_who_came_later() {
        let mut subscribers = LocalSubscribers::default();
        subscribers.add(ChannelKind::Channel, Arc::from(&b"news"[..]), 1, 0);
        subscribers.add(ChannelKind::Channel, Arc::from(&b"news"[..]), 2, 8);
        subscribers.add(ChannelKind::Pattern, Arc::from(&b"n*"[..]), 1, 7);
        subscribers.add(ChannelKind::Shard, Arc::from(&b"news"[..]), 3, 0);
        let message = Message::new(ChannelKind::Channel, b"news", b"hi");
        let exact = "*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$2\r\nhi\r\n".to_owned();
        let by_pattern =
            "*4\r\n$8\r\npmessage\r\n$2\r\nn*\r\n$4\r\nnews\r\n$2\r\nhi\r\n".to_owned();
        assert_eq!(
            delivered(&subscribers, 7, &message),
            [(1, exact.clone()), (1, by_pattern)]
        );
        subscribers.remove(ChannelKind::Pattern, b"n*", 1);
        subscribers.remove(ChannelKind::Channel, b"news", 1);
        assert_eq!(delivered(&subscribers, 8, &message), [(2, exact)]);
        let sharded = Message::new(ChannelKind::Shard, b"news", b"hi");
        assert_eq!(delivered(&subscribers, 8, &sharded)[0].0, 3);
    }
}
