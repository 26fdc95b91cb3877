//! From whom a node takes its stream: its parent, or a backup while that is silent.
//!
//! No ring holds: a cast is passed on only when it was not seen before, so none goes round; nobody adopts the one that feeds it or
//! that it asks; and what is said carries how long ago the origin was heard, which in a ring without the origin only grows, so that after
//! `ORIGIN_SILENCE` each in it looks for somebody else and adopts nobody.

use super::limits::{
    ASK_AGAIN, ASK_AGAIN_MOST, ASKS_IN_HASTE, GRAFT_ANSWER, GRAFT_ANSWER_MOST, PROBE_AFTER, SILENCE,
    SILENCE_MOST,
};
use super::node::Tree;
use crate::builder::PeerId;

/// Farewells that wait for the next tick.
const FAREWELLS_MAX: usize = 8;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Parent,
    /// A graft was sent; to two at once where the first one that was asked did not answer: many may have died together.
    Asking {
        to: PeerId,
        also: Option<PeerId>,
        /// Of the last one that was asked.
        place: usize,
        since: u64,
    },
    /// A backup feeds.
    Foster {
        to: PeerId,
        place: usize,
        heard: u64,
        renewed: u64,
    },
    /// No backup answered.
    Waiting {
        again: u64,
    },
}

#[derive(Debug)]
pub struct Feed {
    pub state: State,
    parent_heard: u64,
    /// Since when the parent speaks without a pause.
    pub parent_since: u64,
    /// The parent's session ended, or it was left, and it did not speak since.
    pub parent_gone: bool,
    pub probes: u8,
    /// Rounds over all backups without answer.
    pub round: u32,
    /// Whom this node just left.
    left: Option<(PeerId, u64)>,
    /// Who is to be told so.
    pub farewells: Vec<PeerId>,
    /// Moved, and nobody was told: from whom.
    pub moved: Option<Option<PeerId>>,
    /// Who fed before the present search.
    pub before: Option<PeerId>,
}

impl Feed {
    pub fn new(now: u64) -> Feed {
        Feed {
            state: State::Parent,
            parent_heard: now,
            parent_since: now,
            parent_gone: false,
            probes: 0,
            round: 0,
            left: None,
            farewells: Vec::new(),
            moved: None,
            before: None,
        }
    }

    pub fn epoch_changed(&mut self, now: u64, is_other_parent: bool) {
        if is_other_parent {
            (self.parent_heard, self.parent_since) = (now, now);
            self.parent_gone = false;
            self.probes = 0;
        }
    }

    /// True when a tick has something to do about it.
    pub fn heard(&mut self, now: u64, from: PeerId, is_parent: bool) -> bool {
        if is_parent {
            if now > self.parent_heard + SILENCE_MOST || self.parent_gone {
                self.parent_since = now;
            }
            (self.parent_heard, self.parent_gone) = (now, false);
        }
        match &mut self.state {
            State::Parent if is_parent => self.probes = 0,
            State::Foster { to, heard, .. } if *to == from => {
                (*heard, self.probes) = (now, 0);
            }
            State::Asking { to, also, place, .. } if *to == from || *also == Some(from) => {
                let other = also.map(|also| if also == from { *to } else { also });
                self.state = State::Foster {
                    to: from,
                    place: *place,
                    heard: now,
                    renewed: now,
                };
                self.moved = Some(self.before);
                (self.probes, self.round) = (0, 0);
                if let Some(other) = other {
                    self.say_farewell(other);
                }
                return true;
            }
            State::Asking { .. } | State::Waiting { .. } if is_parent => {
                self.back(now);
                return true;
            }
            _ => {}
        }
        false
    }

    /// Back to the parent.
    pub fn back(&mut self, now: u64) {
        if let State::Foster { to, .. } = self.state {
            self.leave(now, to);
        }
        self.leave_asked(now);
        self.state = State::Parent;
        (self.probes, self.round) = (0, 0);
    }

    /// Who was asked did not answer in time, or is not needed any more.
    pub fn leave_asked(&mut self, now: u64) {
        if let State::Asking { to, also, .. } = self.state {
            if let Some(also) = also {
                self.say_farewell(also);
            }
            self.leave(now, to);
        }
    }

    /// `peer` shall not feed any more; what it still has under way is taken.
    pub fn leave(&mut self, now: u64, peer: PeerId) {
        self.left = Some((peer, Tree::left_until(now)));
        self.say_farewell(peer);
    }

    fn say_farewell(&mut self, peer: PeerId) {
        if self.farewells.len() < FAREWELLS_MAX && !self.farewells.contains(&peer) {
            self.farewells.push(peer);
        }
    }

    /// Whether `peer` feeds in the parent's place, was asked to, or just did.
    pub fn is_foster(&self, now: u64, peer: PeerId) -> bool {
        self.takes_from(peer) || self.left.is_some_and(|(left, until)| left == peer && now < until)
    }

    pub fn asks(&self, peer: PeerId) -> bool {
        matches!(self.state, State::Asking { to, also, .. } if to == peer || also == Some(peer))
    }

    /// `peer`, which was asked, says no or is gone. False: nobody else was asked with it.
    pub fn refused(&mut self, peer: PeerId) -> bool {
        if let State::Asking {
            to,
            also: Some(other),
            place,
            since,
        } = self.state
        {
            let left = if to == peer { other } else { to };
            self.state = State::Asking {
                to: left,
                also: None,
                place,
                since,
            };
            return true;
        }
        false
    }

    /// Whether `peer` feeds in the parent's place, or was asked to.
    pub fn takes_from(&self, peer: PeerId) -> bool {
        self.asks(peer) || matches!(self.state, State::Foster { to, .. } if to == peer)
    }

    /// When the present feeder was last heard.
    pub fn heard_at(&self) -> u64 {
        match self.state {
            State::Foster { heard, .. } => heard,
            _ => self.parent_heard,
        }
    }

    /// When the present feeder's silence has lasted too long. `slack`: because this machine is late itself.
    pub fn silent_at(&self, rtt: u64, slack: u64) -> u64 {
        let patience = PROBE_AFTER + rtt.saturating_add(rtt / 2);
        self.heard_at() + patience.clamp(SILENCE, SILENCE_MOST) + slack
    }

    /// The parent speaks, and did for as long as `steady_for`.
    pub fn parent_speaks(&self, now: u64, steady_for: u64) -> bool {
        !self.parent_gone && now < self.parent_heard + SILENCE_MOST && now >= self.parent_since + steady_for
    }

    /// A session ended. True when a tick has something to do about it.
    pub fn lost(&mut self, now: u64, peer: PeerId, is_parent: bool) -> bool {
        self.parent_gone |= is_parent;
        match self.state {
            State::Parent => is_parent,
            State::Foster { .. } | State::Asking { .. } if self.takes_from(peer) => {
                if self.refused(peer) {
                    return false;
                }
                self.state = State::Waiting { again: now };
                true
            }
            _ => false,
        }
    }
}

/// How long a backup may take to answer a graft.
pub fn answer_within(rtt: u64, slack: u64) -> u64 {
    (rtt + rtt / 2).clamp(GRAFT_ANSWER, GRAFT_ANSWER_MOST) + slack
}

/// How long until the backups are asked again.
pub fn ask_again(round: u32) -> u64 {
    (ASK_AGAIN << round.saturating_sub(ASKS_IN_HASTE).min(8)).min(ASK_AGAIN_MOST)
}
