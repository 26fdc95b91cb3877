//! A UDP path between two members that can be blocked, and numbered datagrams that show what that costs.

use super::{Host, PATIENCE, ipv4, udp_frame, udp_payload};
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use weft_device::VNET_LEN;

/// A box between two sockets, as an address translator would be: both ends see its address instead of the other's.
pub struct Wire {
    /// What `a` calls to reach `b`.
    pub address: SocketAddr,
    /// Nothing passes while this is set; nobody is told.
    pub blocked: Arc<AtomicBool>,
    /// Datagrams and their bytes (without headers) that came, passed on or not.
    pub frames: Arc<AtomicU64>,
    pub bytes: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Wire {
    pub fn new(a: SocketAddr, b: SocketAddr) -> Wire {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        let address = socket.local_addr().unwrap();
        let flag = || Arc::new(AtomicBool::new(false));
        let (blocked, stop) = (flag(), flag());
        let count = || Arc::new(AtomicU64::new(0));
        let (frames, bytes) = (count(), count());
        let (halt, block, datagrams, total) = (stop.clone(), blocked.clone(), frames.clone(), bytes.clone());
        let thread = std::thread::spawn(move || {
            let mut buffer = vec![0; 65_536];
            while !halt.load(Relaxed) {
                let Ok((n, from)) = socket.recv_from(&mut buffer) else {
                    continue;
                };
                datagrams.fetch_add(1, Relaxed);
                total.fetch_add(n as u64, Relaxed);
                if !block.load(Relaxed) {
                    // A full buffer loses datagrams, as any path does.
                    let _ = socket.send_to(&buffer[..n], if from == b { a } else { b });
                }
            }
        });
        Wire {
            address,
            blocked,
            frames,
            bytes,
            stop,
            thread: Some(thread),
        }
    }

    pub fn block(&self, blocked: bool) {
        self.blocked.store(blocked, Relaxed);
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.stop.store(true, Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Bytes of each numbered datagram.
const NUMBERED: usize = 100;

/// Numbered datagrams of one flow and when they came.
pub struct Flow {
    pub port: u16,
    pub sent: u32,
    /// Number and time, in the order of their coming.
    pub came: Vec<(u32, Instant)>,
}

impl Flow {
    pub fn new(port: u16) -> Flow {
        Flow {
            port,
            sent: 0,
            came: Vec::new(),
        }
    }

    pub fn send(&mut self, from: &Host, to: u8) {
        let payload = [&self.sent.to_be_bytes()[..], &[0; NUMBERED - 4]].concat();
        from.inject(
            [0; VNET_LEN],
            &udp_frame(ipv4(from.n), ipv4(to), self.port, &payload),
        );
        self.sent += 1;
    }

    /// Takes its datagrams out of a frame.
    pub fn take(&mut self, frame: &[u8], from: u8) {
        if let Some(payload) = udp_payload(frame, ipv4(from), self.port) {
            let number = |c: &[u8]| u32::from_be_bytes([c[0], c[1], c[2], c[3]]);
            let now = Instant::now();
            self.came
                .extend(payload.chunks(NUMBERED).map(|c| (number(c), now)));
        }
    }

    /// The longest time from `since` to `until` in which nothing came.
    pub fn gap(&self, since: Instant, until: Instant) -> Duration {
        let inside = self
            .came
            .iter()
            .map(|c| c.1)
            .filter(|at| *at > since && *at < until);
        let mut last = since;
        let mut gap = Duration::ZERO;
        for at in inside.chain([until]) {
            gap = gap.max(at.saturating_duration_since(last));
            last = at;
        }
        gap
    }

    /// Numbers from `first` on that did not come, and those that came twice.
    pub fn faults(&self, first: u32) -> (Vec<u32>, Vec<u32>) {
        let mut times = vec![0u32; self.sent as usize];
        self.came.iter().for_each(|c| times[c.0 as usize] += 1);
        let of = |wanted: fn(u32) -> bool| {
            let all = times.iter().enumerate().skip(first as usize);
            all.filter(|t| wanted(*t.1)).map(|t| t.0 as u32).collect()
        };
        (of(|n| n == 0), of(|n| n > 1))
    }
}

/// Sends one datagram of each flow a millisecond from `a` to `b` until `done` (told the milliseconds since the start).
pub fn stream(a: &Host, b: &Host, flows: &mut [Flow], mut done: impl FnMut(u64) -> bool) {
    let begin = Instant::now();
    let take = |flows: &mut [Flow]| {
        for frame in b.frames() {
            flows.iter_mut().for_each(|f| f.take(&frame, a.n));
        }
    };
    let mut round = 0;
    while !done(begin.elapsed().as_millis() as u64) {
        flows.iter_mut().for_each(|f| f.send(a, b.n));
        round += 1;
        let next = begin + Duration::from_millis(round);
        while Instant::now() < next {
            take(flows);
            std::thread::sleep(Duration::from_micros(200));
        }
        (0..flows.len()).for_each(|_| take(flows));
    }
    let end = Instant::now() + Duration::from_millis(300);
    while Instant::now() < end {
        take(flows);
    }
    assert!(begin.elapsed() < 6 * PATIENCE, "too slow to tell anything");
}
