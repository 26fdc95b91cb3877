//! The opening side of all sessions, owned by one receiving thread: no lock, no hashing, no allocation per frame.

use crate::aead::{Key, Suite, TAG};
use crate::control::CONTROL_HEAD;
use crate::drops::{DropReason, Drops};
use crate::hop::Hop;
use crate::limits::{REPLAY_WINDOW, SLOTS_MAX};
use crate::path::Path;
use crate::window::Window;
use crate::wire::{
    CARRY, CARRY_HEAD, CARRY_MIN, CAST, CAST_MIN, DATA, DATA_MIN, HEADER, SPARSE, STAMP, Stamp, VERSION,
    kind, u32_at, u64_at,
};
use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

pub(crate) const WINDOW_WORDS: usize = (REPLAY_WINDOW as usize / 64) * 2;

/// The opening keys of one session, made by the manager (`Output::RxInstall`).
pub struct RxSession {
    index: u32,
    net: u32,
    peer: u32,
    key: Key,
    window: Window<WINDOW_WORDS>,
    hop: Arc<Hop>,
    /// When this generation last opened a frame; 0 = never. The manager reads it.
    heard: Arc<AtomicU64>,
}

impl RxSession {
    pub(crate) fn new(
        index: u32,
        (net, peer): (u32, u32),
        suite: Suite,
        key: &[u8; 32],
        hop: Arc<Hop>,
        heard: Arc<AtomicU64>,
    ) -> RxSession {
        RxSession {
            index,
            net,
            peer,
            key: Key::new(suite, key),
            window: Window::new(),
            hop,
            heard,
        }
    }

    /// The receiver index that the peer writes into its frames.
    pub fn index(&self) -> u32 {
        self.index
    }
}

impl fmt::Debug for RxSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RxSession({:#010x})", self.index)
    }
}

/// An authentic data frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opened {
    pub net: u32,
    pub peer: u32,
    /// Receiver index of the key generation that opened it.
    pub index: u32,
    pub counter: u64,
    /// First byte of the plaintext (kind and its flags), 0 for an empty one.
    pub first_byte: u8,
    pub is_new_highest: bool,
    /// Call `Sessions::opened(now, &opened, path, plaintext)`: always for the kinds 0, 2–4 and 6–8, and for kinds 1,
    /// 5, 9 and 10 when something else changed (first frame under these keys, another path, end of a rest).
    pub tell: bool,
    start: usize,
    end: usize,
}

impl Opened {
    /// As if `peer` had brought a frame: for what was put together from other authentic frames.
    pub fn given_back(net: u32, peer: u32) -> Opened {
        Opened {
            net,
            peer,
            index: 0,
            counter: 0,
            first_byte: kind::PACKET,
            is_new_highest: false,
            tell: false,
            start: 0,
            end: 0,
        }
    }

    /// The plaintext within the frame, kind byte included.
    pub fn plaintext(&self) -> Range<usize> {
        self.start..self.end
    }

    /// Low nibble of the first byte (`wire::kind`).
    pub fn kind(&self) -> u8 {
        self.first_byte & kind::MASK
    }
}

/// A cast whose hop tag is authentic; its inner seal was not looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HopCast {
    /// As for a data frame; `tell` likewise. Its `plaintext()` is empty.
    pub opened: Opened,
    pub auth: u8,
    pub hop_limit: u8,
    pub stamp: Stamp,
}

/// A carry whose hop tag is authentic; the frame inside was not looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HopCarry {
    /// As for a data frame; `tell` likewise. Its `plaintext()` is the inner frame.
    pub opened: Opened,
    pub flags: u8,
    pub hop_limit: u8,
    /// First 8 bytes of the member ids.
    pub destination: [u8; 8],
    pub source: [u8; 8],
}

/// All sessions that one thread opens.
#[derive(Default)]
pub struct Rx {
    slots: Vec<Option<Box<RxSession>>>,
    drops: Drops,
}

/// The slot number is the low half of a receiver index; the high half is random and tells generations apart.
const SLOT_MASK: u32 = SLOTS_MAX as u32 - 1;

impl Rx {
    pub fn new() -> Rx {
        Rx::default()
    }

    /// Takes the keys of an `Output::RxInstall`. Do this before sending any `Output::Transmit` that follows it.
    pub fn install(&mut self, session: Box<RxSession>) {
        let slot = (session.index & SLOT_MASK) as usize;
        if self.slots.len() <= slot {
            self.slots.resize_with(slot + 1, || None);
        }
        self.slots[slot] = Some(session);
    }

    /// Forgets (and wipes) the keys of an `Output::RxRemove`.
    pub fn remove(&mut self, index: u32) {
        if let Some(slot) = self.slots.get_mut((index & SLOT_MASK) as usize) {
            if slot.as_ref().is_some_and(|s| s.index == index) {
                *slot = None;
            }
        }
    }

    /// Sessions installed.
    pub fn len(&self) -> usize {
        self.slots.iter().flatten().count()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn drops(&self) -> &Drops {
        &self.drops
    }

    /// Opens a data frame in place: afterwards `frame[opened.plaintext()]` is the plaintext. On failure the frame's
    /// content is undefined.
    #[inline]
    pub fn open(&mut self, now: u64, path: Path, frame: &mut [u8]) -> Result<Opened, DropReason> {
        let result = open_data(&mut self.slots, now, path, frame);
        if let Err(reason) = result {
            self.drops.count(reason);
        }
        result
    }

    /// Verifies the hop tag of a cast. The frame stays as it is, ready to be stamped for another hop.
    #[inline]
    pub fn open_cast(&mut self, now: u64, path: Path, frame: &[u8]) -> Result<HopCast, DropReason> {
        let result = open_cast(&mut self.slots, now, path, frame);
        if let Err(reason) = result {
            self.drops.count(reason);
        }
        result
    }

    /// Verifies the hop tag of a carry. The frame stays as it is, ready to be stamped for another hop.
    #[inline]
    pub fn open_carry(&mut self, now: u64, path: Path, frame: &[u8]) -> Result<HopCarry, DropReason> {
        let result = open_carry(&mut self.slots, now, path, frame);
        if let Err(reason) = result {
            self.drops.count(reason);
        }
        result
    }
}

#[inline]
fn find<'a>(slots: &'a mut [Option<Box<RxSession>>], frame: &[u8]) -> Result<&'a mut RxSession, DropReason> {
    let index = u32_at(frame, 4);
    match slots.get_mut((index & SLOT_MASK) as usize) {
        Some(Some(session)) if session.index == index => Ok(session),
        _ => Err(DropReason::UnknownIndex),
    }
}

fn open_data(
    slots: &mut [Option<Box<RxSession>>],
    now: u64,
    path: Path,
    frame: &mut [u8],
) -> Result<Opened, DropReason> {
    if frame.len() < DATA_MIN {
        return Err(DropReason::Malformed);
    }
    if frame[..2] != [DATA, VERSION] || frame[2] & !SPARSE != 0 || frame[3] != 0 {
        return Err(DropReason::UnknownType);
    }
    let session = find(slots, frame)?;
    let counter = u64_at(frame, 8);
    if !session.window.check(counter) {
        return Err(DropReason::Replay);
    }
    let total = frame.len();
    let (header, sealed) = frame.split_at_mut(HEADER);
    if !session.key.open(counter, header, sealed) {
        return Err(DropReason::BadTag);
    }
    let end = total - TAG;
    let first_byte = if end > HEADER {
        frame[HEADER]
    } else {
        kind::KEEPALIVE
    };
    accept(session, now, path, counter, total, first_byte, HEADER..end)
}

fn open_cast(
    slots: &mut [Option<Box<RxSession>>],
    now: u64,
    path: Path,
    frame: &[u8],
) -> Result<HopCast, DropReason> {
    let n = frame.len();
    if n < CAST_MIN {
        return Err(DropReason::Malformed);
    }
    if frame[..2] != [CAST, VERSION] {
        return Err(DropReason::UnknownType);
    }
    let session = find(slots, frame)?;
    let counter = u64_at(frame, 8);
    if !session.window.check(counter) {
        return Err(DropReason::Replay);
    }
    let mut aad = [0u8; HEADER + STAMP + TAG];
    aad[..HEADER + STAMP].copy_from_slice(&frame[..HEADER + STAMP]);
    aad[HEADER + STAMP..].copy_from_slice(&frame[n - 2 * TAG..n - TAG]);
    let mut tag = [0u8; TAG];
    tag.copy_from_slice(&frame[n - TAG..]);
    if !session.key.open(counter, &aad, &mut tag) {
        return Err(DropReason::BadTag);
    }
    let mut stamp = [0u8; STAMP];
    stamp.copy_from_slice(&frame[HEADER..HEADER + STAMP]);
    let opened = accept(session, now, path, counter, n, kind::PACKET, HEADER..HEADER)?;
    Ok(HopCast {
        opened,
        auth: frame[2],
        hop_limit: frame[3],
        stamp: Stamp::read(&stamp),
    })
}

fn open_carry(
    slots: &mut [Option<Box<RxSession>>],
    now: u64,
    path: Path,
    frame: &[u8],
) -> Result<HopCarry, DropReason> {
    let n = frame.len();
    if n < CARRY_MIN {
        return Err(DropReason::Malformed);
    }
    if frame[..2] != [CARRY, VERSION] {
        return Err(DropReason::UnknownType);
    }
    let session = find(slots, frame)?;
    let counter = u64_at(frame, 8);
    if !session.window.check(counter) {
        return Err(DropReason::Replay);
    }
    let mut aad = [0u8; CARRY_HEAD + TAG];
    aad[..CARRY_HEAD].copy_from_slice(&frame[..CARRY_HEAD]);
    aad[CARRY_HEAD..].copy_from_slice(&frame[n - 2 * TAG..n - TAG]);
    let mut tag = [0u8; TAG];
    tag.copy_from_slice(&frame[n - TAG..]);
    if !session.key.open(counter, &aad, &mut tag) {
        return Err(DropReason::BadTag);
    }
    let inner = CARRY_HEAD..n - TAG;
    let opened = accept(session, now, path, counter, n, kind::PACKET, inner)?;
    Ok(HopCarry {
        opened,
        flags: frame[2],
        hop_limit: frame[3],
        destination: u64_at(frame, HEADER).to_be_bytes(),
        source: u64_at(frame, HEADER + 8).to_be_bytes(),
    })
}

/// The frame is authentic: commits its counter and says what it means for the session.
#[inline]
fn accept(
    session: &mut RxSession,
    now: u64,
    path: Path,
    counter: u64,
    bytes: usize,
    first_byte: u8,
    plaintext: Range<usize>,
) -> Result<Opened, DropReason> {
    let before = session.window.next();
    let is_new_highest = session.window.commit(counter);
    let passed = session.window.next() - before;
    let what = first_byte & kind::MASK;
    let is_packet = matches!(what, kind::PACKET | kind::FRAGMENT | kind::BUNDLE | kind::TREE);
    // A control frame without a part only acknowledges, and beats are said into the blue: nothing is owed for them.
    let is_data = (is_packet && first_byte != kind::TREE_BEAT)
        || (what == kind::CONTROL && plaintext.len() > CONTROL_HEAD);
    session.hop.note_heard(now, bytes as u64, is_data, passed);
    if is_packet && !session.hop.is_member() {
        return Err(DropReason::StrangerPacket);
    }
    if what > kind::TREE {
        return Err(DropReason::UnknownKind);
    }
    let first = session.heard.load(Relaxed) == 0;
    session.heard.store(now.max(1), Relaxed);
    let moved = is_new_highest && session.hop.path.get().roams_to(&path);
    let tell = !is_packet || first || moved || session.hop.wake();
    Ok(Opened {
        net: session.net,
        peer: session.peer,
        index: session.index,
        counter,
        first_byte,
        is_new_highest,
        tell,
        start: plaintext.start,
        end: plaintext.end,
    })
}
