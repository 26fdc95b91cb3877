//! Datagrams of applications that never chose an interface: taken from the helper, put among what the adapter reads.
//! Few and small as a rule (discovery, games): a lock and an allocation each are nothing here, and nothing else pays for them.

use crate::adapter::Common;
use crate::api::{AnywhereConfig, NetId};
use crate::dataplane::lock;
use crate::limits::{ANYWHERE_PER_TURN, INJECTED_BYTES_MAX, INJECTED_MAX};
use crate::shared::{NetShared, add};
use crate::spawn;
use crate::sys::{self, Wake};
use arc_swap::ArcSwap;
use std::collections::{HashMap, VecDeque};
use std::io;
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use weft_anywhere::{Datagram, Gather, Groups, Recent, Sight, Source, write};
use weft_device::VNET_LEN;
use weft_packet::{Frame, L3, protocol};

/// The overlay's own adapters among the interfaces.
const OVERLAY: u32 = 0;
/// Interface number in front of each packet.
const HEAD_LEN: usize = 4;
const MESSAGE_MAX: usize = HEAD_LEN + 65_536;

/// Frames for one adapter's thread, as if the adapter had brought them.
#[derive(Default)]
pub struct Injected {
    queue: Mutex<(VecDeque<Vec<u8>>, usize)>,
    wake: Mutex<Option<Arc<Wake>>>,
}

impl Injected {
    /// Who is to be woken; `None`: nobody reads.
    pub fn listen(&self, wake: Option<Arc<Wake>>) {
        *lock(&self.wake) = wake;
        let mut queue = lock(&self.queue);
        *queue = Default::default();
    }

    /// False: there is no room, or no adapter.
    pub fn push(&self, frame: Vec<u8>) -> bool {
        let wake = lock(&self.wake);
        let Some(wake) = wake.as_ref() else {
            return false;
        };
        let mut queue = lock(&self.queue);
        let (frames, bytes) = &mut *queue;
        if frames.len() >= INJECTED_MAX || *bytes + frame.len() > INJECTED_BYTES_MAX {
            return false;
        }
        *bytes += frame.len();
        frames.push_back(frame);
        wake.wake();
        true
    }

    pub fn take(&self) -> Option<Vec<u8>> {
        let mut queue = lock(&self.queue);
        let frame = queue.0.pop_front()?;
        queue.1 -= frame.len();
        Some(frame)
    }
}

/// What the adapters' threads and the one below share.
#[derive(Default)]
pub struct Anywhere {
    on: AtomicBool,
    groups: ArcSwap<Groups>,
    recent: Mutex<Recent>,
}

impl Anywhere {
    pub fn set_groups(&self, groups: Option<Groups>) {
        let groups = groups.unwrap_or_default();
        self.on.store(!groups.is_empty(), Relaxed);
        self.groups.store(Arc::new(groups));
    }

    #[inline]
    pub fn is_on(&self) -> bool {
        self.on.load(Relaxed)
    }

    /// Whether a frame that the host sends by the adapter was taken from another interface already.
    pub fn is_again(&self, now: u64, bytes: &[u8]) -> bool {
        // The group bit of the destination's address: most frames end here.
        if bytes.get(VNET_LEN).is_none_or(|first| first & 1 == 0) {
            return false;
        }
        let look = || {
            let packet = L3::parse(Frame::parse(&bytes[VNET_LEN..]).ok()?.payload()).ok()?;
            let is_one = packet.protocol() == protocol::UDP && packet.fragment().is_none();
            if !is_one || !self.groups.load().holds(packet.dst()) {
                return None;
            }
            let datagram = Datagram::parse(&packet, packet.l4())?;
            Some(lock(&self.recent).look(now, OVERLAY, &datagram))
        };
        look() == Some(Sight::Same)
    }
}

type Nets = Arc<Mutex<HashMap<NetId, Arc<NetShared>>>>;

/// The thread that reads from the helper; ends when dropped.
pub struct Taking {
    stop: Arc<AtomicBool>,
    wake: Arc<Wake>,
    thread: Option<JoinHandle<()>>,
}

impl Taking {
    pub fn start(config: AnywhereConfig, nets: Nets, common: &Common) -> io::Result<Taking> {
        let (stop, wake) = (Arc::new(AtomicBool::new(false)), Arc::new(Wake::new()?));
        let mut taker = Taker {
            config,
            nets,
            common: common.clone(),
            gather: Gather::default(),
            id: 0,
        };
        let (stopped, woken) = (stop.clone(), wake.clone());
        let thread = spawn::guarded("weft-anywhere", 0, common.clone(), move || {
            let mut buffer = vec![0; MESSAGE_MAX];
            while !stopped.load(Relaxed) && taker.turn(&woken, &mut buffer) {}
        })?;
        Ok(Taking {
            stop,
            wake,
            thread: Some(thread),
        })
    }
}

impl Drop for Taking {
    fn drop(&mut self) {
        self.stop.store(true, Relaxed);
        self.wake.wake();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Taker {
    config: AnywhereConfig,
    nets: Nets,
    common: Common,
    gather: Gather,
    /// Of fragments.
    id: u32,
}

impl Taker {
    /// False: the helper is gone.
    fn turn(&mut self, wake: &Wake, buffer: &mut [u8]) -> bool {
        let fd = self.config.packets.as_raw_fd();
        let (readable, _) = sys::wait_two(fd, wake.raw_fd(), -1);
        if !readable {
            return true;
        }
        for _ in 0..ANYWHERE_PER_TURN {
            match sys::receive(fd, buffer) {
                Ok(0) => return false,
                Ok(n) => self.take(sys::now(), &buffer[..n]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return true,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return false,
            }
        }
        true
    }

    fn take(&mut self, now: u64, message: &[u8]) {
        let Some((head, bytes)) = message.split_first_chunk::<HEAD_LEN>() else {
            return;
        };
        let interface = u32::from_be_bytes(*head);
        let Ok(packet) = L3::parse(bytes) else { return };
        if packet.protocol() != protocol::UDP || !self.config.groups.holds(packet.dst()) {
            return;
        }
        if !self.config.own.contains(&packet.src()) {
            return add(&self.common.counters.anywhere_foreign, 1);
        }
        if packet.fragment().is_none() {
            self.spread(now, interface, &packet, packet.l4());
        } else if let Some(whole) = self.gather.add(now, interface, &packet) {
            self.spread(now, interface, &packet, &whole);
        }
    }

    fn spread(&mut self, now: u64, interface: u32, packet: &L3<'_>, l4: &[u8]) {
        let Some(datagram) = Datagram::parse(packet, l4) else {
            return;
        };
        let ports = [datagram.src_port, datagram.dst_port];
        if ports.iter().any(|port| self.config.except_ports.contains(port)) {
            return;
        }
        let counters = &self.common.counters;
        if lock(&self.common.anywhere.recent).look(now, interface, &datagram) == Sight::Same {
            return add(&counters.anywhere_same, 1);
        }
        add(&counters.anywhere_taken, 1);
        self.id = self.id.wrapping_add(1);
        let nets: Vec<_> = {
            let nets = lock(&self.nets);
            self.config
                .nets
                .iter()
                .filter_map(|net| nets.get(net).cloned())
                .collect()
        };
        for net in nets {
            let view = net.view.load();
            let source = Source {
                ipv4: view.ipv4,
                ipv6: view.ipv6,
                mac: view.mac,
                mtu: view.mtu,
            };
            write(&source, &datagram, self.id, |frame| {
                let mut whole = vec![0; VNET_LEN];
                whole.extend_from_slice(frame);
                if !net.injected.push(whole) {
                    add(&counters.anywhere_full, 1);
                }
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_an_adapter_and_beyond_the_bounds_nothing_waits() {
        let injected = Injected::default();
        assert!(!injected.push(vec![1]));
        injected.listen(Some(Arc::new(Wake::new().unwrap())));
        assert!((0..INJECTED_MAX).all(|_| injected.push(vec![1])));
        assert!(!injected.push(vec![1]));
        while injected.take().is_some() {}
        assert!(!injected.push(vec![0; INJECTED_BYTES_MAX + 1]));
        assert!(injected.push(vec![0; INJECTED_BYTES_MAX]));
        injected.listen(None);
        assert_eq!(injected.take(), None);
    }
}
