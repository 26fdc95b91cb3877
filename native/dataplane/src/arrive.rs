//! Frames that come by links, and what links are worth.

use crate::api::{Event, LinkState};
use crate::core::{Core, LinkUse};
use crate::limits::LINK_UNUSED_US;
use crate::links::{LENGTH, step};
use crate::shared::add;
use std::sync::atomic::Ordering::Relaxed;
use weft_session::Path;

impl Core {
    pub(crate) fn link_opened(&mut self, now: u64, link: u32) {
        let new = LinkUse {
            proven: false,
            last: now,
            unused: false,
        };
        self.links.insert(link, new);
    }

    /// Opens the frames of a batch where they lie, then writes what came out of them.
    pub(crate) fn take_link(&mut self, now: u64, link: u32, mut batch: Vec<u8>) {
        self.common.links.arriving.fetch_sub(batch.len(), Relaxed);
        if !self.links.contains_key(&link) {
            return;
        }
        for net in self.nets.values_mut() {
            net.local = net.shared.local.load_full();
        }
        self.places.clear();
        self.class = 0;
        let (mut at, mut frames, mut authentic) = (0, 0, false);
        while let Some(whole) = step(&batch, at) {
            authentic |= self.take_frame(now, Path::Link(link), &mut batch, at + LENGTH..at + whole);
            frames += 1;
            at += whole;
        }
        add(&self.common.counters.link_frames_received, frames);
        self.take_trees(now, &mut batch);
        self.deliver(&batch);
        self.flush_relayed();
        if authentic {
            self.link_used(now, link);
        }
    }

    fn link_used(&mut self, now: u64, link: u32) {
        let Some(known) = self.links.get_mut(&link) else {
            return;
        };
        (known.last, known.unused) = (now, false);
        if !std::mem::replace(&mut known.proven, true) {
            let state = LinkState::Proven;
            self.common.events.push(Event::Link { link, state });
        }
    }

    pub(crate) fn links_deadline(&self) -> u64 {
        let waiting = self.links.values().filter(|l| !l.unused);
        waiting.map(|l| l.last + LINK_UNUSED_US).min().unwrap_or(u64::MAX)
    }

    /// Says which links lie idle, once.
    pub(crate) fn watch_links(&mut self, now: u64) {
        for (link, known) in &mut self.links {
            if !known.unused && now >= known.last + LINK_UNUSED_US {
                known.unused = true;
                let (link, state) = (*link, LinkState::Unused);
                self.common.events.push(Event::Link { link, state });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapter::Common;
    use crate::command::Commands;
    use crate::events::Events;
    use crate::links::LinkOptions;
    use crate::sys::Wake;
    use std::sync::Arc;

    fn core() -> Core {
        let wake = Arc::new(Wake::new().unwrap());
        let common = Common {
            sockets: Arc::default(),
            counters: Arc::default(),
            events: Arc::new(Events::new(wake.clone())),
            commands: Arc::new(Commands::new(wake.clone())),
            anywhere: Arc::default(),
            links: Arc::default(),
            outside: Arc::default(),
            relay_budget: Arc::default(),
            uplink: Arc::default(),
        };
        Core::new(common, crate::api::Options::default(), &wake).unwrap()
    }

    #[test]
    fn a_link_is_proven_once_and_unused_once_until_used_again() {
        let mut core = core();
        let options = LinkOptions {
            transport: "tcp".into(),
            endpoint: "x".into(),
            queue_bytes: 4_096,
        };
        let link = core.common.links.open(options).unwrap();
        let told = |core: &Core| -> Vec<LinkState> {
            let events = core.common.events.poll(99).into_iter();
            let state = |e| match e {
                Event::Link { state, .. } => Some(state),
                _ => None,
            };
            events.filter_map(state).collect()
        };
        core.link_opened(1_000, link);
        assert_eq!(core.links_deadline(), 1_000 + LINK_UNUSED_US);
        core.watch_links(999 + LINK_UNUSED_US);
        assert!(told(&core).is_empty());
        core.watch_links(1_000 + LINK_UNUSED_US);
        core.watch_links(2_000 + LINK_UNUSED_US);
        assert_eq!(told(&core), [LinkState::Unused]);
        assert_eq!(core.links_deadline(), u64::MAX, "nothing to wait for");
        let later = 5 * LINK_UNUSED_US;
        core.link_used(later, link);
        core.link_used(later + 1, link);
        assert_eq!(told(&core), [LinkState::Proven]);
        core.watch_links(later + 1 + LINK_UNUSED_US);
        assert_eq!(told(&core), [LinkState::Unused], "and again after the next rest");
        // Frames that nobody's keys open are no use of it.
        core.take_link(later + 2 + LINK_UNUSED_US, link, vec![0, 2, 0xF4, 1]);
        assert!(told(&core).is_empty());
        assert_eq!(core.links_deadline(), u64::MAX);
    }
}
