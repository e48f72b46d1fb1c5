//! Level-triggered epoll over the connections of a load.

use std::time::Duration;

use rustix::event::epoll;
use rustix::fd::OwnedFd;
use rustix::time::Timespec;

use super::connection::Connection;
use crate::error::{Doing, Result};

/// How many connections one wait can name.
pub(super) const EVENTS_MAX: usize = 256;

/// Level-triggered epoll over the connections' indexes.
pub(super) struct Poll {
    epoll: OwnedFd,
    events: Vec<epoll::Event>,
}

impl Poll {
    pub(super) fn new() -> Result<Poll> {
        let epoll =
            epoll::create(epoll::CreateFlags::CLOEXEC).doing(|| "create an epoll".into())?;
        Ok(Poll {
            epoll,
            events: Vec::with_capacity(EVENTS_MAX),
        })
    }

    pub(super) fn add(&mut self, connection: &Connection, index: usize) -> Result<()> {
        let data = epoll::EventData::new_u64(index as u64);
        epoll::add(&self.epoll, &connection.stream, data, epoll::EventFlags::IN)
            .doing(|| "watch a connection".into())
    }

    pub(super) fn want_write(
        &mut self,
        connection: &Connection,
        index: usize,
        wanted: bool,
    ) -> Result<()> {
        let data = epoll::EventData::new_u64(index as u64);
        let mut flags = epoll::EventFlags::IN;
        flags.set(epoll::EventFlags::OUT, wanted);
        epoll::modify(&self.epoll, &connection.stream, data, flags)
            .doing(|| "watch a connection".into())
    }

    pub(super) fn wait(&mut self, ready: &mut Vec<usize>, timeout: Option<Duration>) -> Result<()> {
        ready.clear();
        self.events.clear();
        let timeout = timeout.and_then(|time| Timespec::try_from(time).ok());
        let spare = rustix::buffer::spare_capacity(&mut self.events);
        match epoll::wait(&self.epoll, spare, timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error).doing(|| "wait for connections".into()),
        }
        ready.extend(self.events.iter().map(|event| event.data.u64() as usize));
        Ok(())
    }
}
