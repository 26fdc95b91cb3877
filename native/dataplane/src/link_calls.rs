//! The calls about links.

use crate::api::Error;
use crate::command::Command;
use crate::dataplane::{Dataplane, lock};
use crate::limits::{LINK_BATCH_MAX, LINKS_ARRIVING_MAX};
use crate::links::{LinkOptions, LinkWaker, Links, is_whole};
use crate::shared::add;
use crate::sys;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// Says which links have something to take.
#[derive(Clone)]
pub struct PendingLinks(Arc<Links>);

impl PendingLinks {
    pub fn take(&self) -> Vec<u32> {
        self.0.pending()
    }
}

impl Dataplane {
    /// A transport outside of the data plane. Its number is never used twice.
    ///
    /// # Errors
    /// `too-many-links`, `bad-argument`.
    pub fn open_link(&self, options: LinkOptions) -> Result<u32, Error> {
        let id = self.common.links.open(options)?;
        self.push(Command::LinkOpened(id));
        Ok(id)
    }

    /// Sessions on it try their other ways at once.
    pub fn close_link(&self, link: u32) {
        if self.common.links.close(link) {
            self.push(Command::LinkClosed(link));
        }
    }

    /// Whole frames that came by a link, `u16 length | frame` each.
    ///
    /// # Errors
    /// `bad-argument`: cut short, an empty frame, or more than 1 MiB.
    pub fn link_receive(&self, link: u32, batch: Vec<u8>) -> Result<(), Error> {
        if batch.len() > LINK_BATCH_MAX || !is_whole(&batch) {
            return Err(Error::bad_argument(
                "A batch is whole frames behind their lengths, at most 1 MiB.",
            ));
        }
        let (links, len) = (&self.common.links, batch.len());
        if len == 0 || !links.is_open(link) || lock(&self.ended).is_none() {
            return Ok(());
        }
        let before = links.arriving.fetch_add(len, Relaxed);
        let fits = before + len <= LINKS_ARRIVING_MAX;
        if !fits || !self.common.commands.push(Command::LinkFrames(link, batch)) {
            links.arriving.fetch_sub(len, Relaxed);
            add(&self.common.counters.link_busy, 1);
        }
        Ok(())
    }

    /// Frames to send by a link, oldest first.
    pub fn link_take(&self, link: u32, most: usize) -> Vec<u8> {
        self.common
            .links
            .take(&self.common.counters, sys::now(), link, most)
    }

    /// `waker` is called from any thread when [`Dataplane::pending_links`] has something; then not before that was asked.
    pub fn on_links(&self, waker: LinkWaker) {
        self.common.links.on_links(waker);
    }

    /// Links that got something to take.
    pub fn pending_links(&self) -> Vec<u32> {
        self.common.links.pending()
    }

    /// For a waker that outlives this handle.
    pub fn links(&self) -> PendingLinks {
        PendingLinks(self.common.links.clone())
    }
}
