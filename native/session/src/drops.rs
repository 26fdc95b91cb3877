//! Why a frame was not taken, as data.

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// Why a frame was dropped. `name()` is the key in the data plane's statistics.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum DropReason { $($(#[$doc])* $name,)* }

        impl DropReason {
            pub const ALL: &'static [DropReason] = &[$(DropReason::$name,)*];

            pub const fn name(self) -> &'static str {
                match self { $(DropReason::$name => $text,)* }
            }
        }
    };
}

reasons! {
    /// Shorter than its type needs, or lengths that do not fit.
    Malformed = "malformed",
    /// First byte or version not known.
    UnknownType = "unknownType",
    /// No session has this receiver index.
    UnknownIndex = "unknownIndex",
    /// The tag does not fit: forged, damaged, or for other keys.
    BadTag = "badTag",
    /// Counter already seen, or too old to tell.
    Replay = "replay",
    /// Authentic, but of a kind or with flags that are not known.
    UnknownKind = "unknownKind",
    /// A stranger sent something else than control messages.
    StrangerPacket = "strangerPacket",
    /// A stranger sent more control messages than it may; its sender will try again.
    StrangerRate = "strangerRate",
    /// No network's key fits mac1.
    BadMac = "badMac",
    /// More hellos than are worth an answer; a cookie was sent if the sender may try again.
    HelloFlood = "helloFlood",
    /// A hello that was answered before.
    HelloReplay = "helloReplay",
    /// The Noise message does not open.
    BadHandshake = "badHandshake",
    /// An answer to nothing, or from an address that was not asked.
    UnexpectedAnswer = "unexpectedAnswer",
    /// The waiting list of unknown keys is full.
    StrangersFull = "strangersFull",
    /// A table is full.
    TableFull = "tableFull",
    /// A cast whose sender key is not known; kept for a moment if there is room.
    UnknownKey = "unknownKey",
    /// A cast seen before, or older than the window.
    CastDuplicate = "castDuplicate",
    /// A cast's inner tag does not fit.
    CastBadTag = "castBadTag",
    /// A cast of a tree is signed, and the tree is not, or the other way round; or of a kind that is not known.
    CastWrongAuth = "castWrongAuth",
    /// A signed cast is not what its origin sent.
    CastBadSignature = "castBadSignature",
    /// A signed cast of a hop that brought too many wrong signatures, or more than are looked at.
    CastUnchecked = "castUnchecked",
    /// A control part outside of the window or of a wrong shape.
    BadControl = "badControl",
    /// A fragment that fits no reassembly, or a full table.
    BadFragment = "badFragment",
}

/// Counts by reason.
#[derive(Clone, Debug, Default)]
pub struct Drops([u64; DropReason::ALL.len()]);

impl Drops {
    pub fn count(&mut self, reason: DropReason) {
        self.0[reason as usize] += 1;
    }

    pub fn get(&self, reason: DropReason) -> u64 {
        self.0[reason as usize]
    }

    /// (name, count) of everything that was counted.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        DropReason::ALL
            .iter()
            .map(|r| (r.name(), self.get(*r)))
            .filter(|(_, n)| *n > 0)
    }
}
