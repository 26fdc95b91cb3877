//! Every device passes the same tests, the one in memory included. Real adapters need root and /dev/net/tun.
#![cfg(target_os = "linux")]

use std::io::IoSlice;
use std::os::fd::{AsFd, OwnedFd};
use weft_device::{Adapter, Device, ErrorCode, FRAME_BUFFER, Features, Kind, Offloads, VNET_LEN, fake, link};

fn may_create() -> bool {
    match Adapter::create(Kind::Tap, None) {
        Ok(_) => true,
        Err(e) => {
            eprintln!("skipped: {e}");
            false
        }
    }
}

fn receive(device: &dyn Device) -> Vec<Vec<u8>> {
    let (mut buffers, mut lengths) = (vec![vec![0; FRAME_BUFFER]; 4], [0; 4]);
    let n = device.recv_batch(&mut buffers, &mut lengths).unwrap();
    buffers
        .iter()
        .zip(lengths)
        .take(n)
        .map(|(b, n)| b[..n].to_vec())
        .collect()
}

#[test]
fn the_fake_gathers_and_never_blocks() {
    let (a, b) = fake::pair(Features::default()).unwrap();
    assert!(receive(&b).is_empty());
    let frames: [&[IoSlice<'_>]; 2] = [&[IoSlice::new(b"ab"), IoSlice::new(b"c")], &[IoSlice::new(b"d")]];
    assert_eq!(a.send_batch(&frames).unwrap(), 2);
    assert_eq!(receive(&b), [b"abc".to_vec(), b"d".to_vec()]);
    drop(a);
    assert!(b.send(&[IoSlice::new(b"x")]).is_err());
}

#[test]
fn an_adapter_has_the_attributes_it_was_given() {
    if !may_create() {
        return;
    }
    let tap = Adapter::create(Kind::Tap, Some("wftdev0")).unwrap();
    assert_eq!((tap.name(), tap.kind()), ("wftdev0", Kind::Tap));
    link::set_mtu("wftdev0", 1380).unwrap();
    assert_eq!(link::mtu("wftdev0").unwrap(), 1380);
    link::set_mac("wftdev0", [2, 1, 2, 3, 4, 5]).unwrap();
    assert_eq!(link::mac("wftdev0").unwrap(), [2, 1, 2, 3, 4, 5]);
    assert_eq!(link::ipv4("wftdev0").unwrap(), None);
    link::set_ipv4("wftdev0", [10, 99, 1, 2].into(), 24).unwrap();
    assert_eq!(link::ipv4("wftdev0").unwrap(), Some(([10, 99, 1, 2].into(), 24)));
    link::set_up("wftdev0", true).unwrap();
    assert!(link::is_up("wftdev0").unwrap());
    let ula = "fd00:99::1".parse().unwrap();
    link::add_ipv6("wftdev0", ula, 64).unwrap();
    link::add_ipv6("wftdev0", ula, 64).unwrap();
    assert_eq!(link::ipv6("wftdev0").unwrap()[0], (ula, 64));
    link::remove_ipv6("wftdev0", ula, 64).unwrap();
    assert!(!link::ipv6("wftdev0").unwrap().iter().any(|(a, _)| *a == ula));
    tap.set_carrier(false).unwrap();
    tap.set_carrier(true).unwrap();
    assert_eq!(
        Adapter::create(Kind::Tap, Some("wftdev0")).unwrap_err().code,
        ErrorCode::NameTaken
    );
    drop(tap);
    assert_eq!(link::mtu("wftdev0").unwrap_err().code, ErrorCode::AdapterLost);
}

#[test]
fn bad_arguments_are_named() {
    for name in ["", "a/b", "sixteen-letters-", "..", "x y"] {
        assert_eq!(
            Adapter::create(Kind::Tap, Some(name)).unwrap_err().code,
            ErrorCode::BadArgument,
            "{name}"
        );
    }
    let file = OwnedFd::from(std::fs::File::open("/dev/null").unwrap());
    assert_eq!(
        Adapter::from_fd(file, Offloads::Auto).unwrap_err().code,
        ErrorCode::BadArgument
    );
    assert_eq!(link::set_mtu("lo", 100).unwrap_err().code, ErrorCode::BadArgument);
    assert_eq!(
        link::set_mac("lo", [1; 6]).unwrap_err().code,
        ErrorCode::BadArgument
    );
}

#[test]
fn offloads_are_taken_and_given_back() {
    if !may_create() {
        return;
    }
    let first = Adapter::create(Kind::Tap, Some("wftdev1")).unwrap();
    let fd = || first.as_fd().try_clone_to_owned().unwrap();
    assert_eq!(first.features(), Features::default());
    let with = Adapter::from_fd(fd(), Offloads::Auto).unwrap();
    assert!(
        with.features().checksum && with.features().tcp,
        "{:?}",
        with.features()
    );
    let without = Adapter::from_fd(fd(), Offloads::None).unwrap();
    assert_eq!(without.features(), Features::default());
}

/// Frames written come in at the interface, frames that the kernel sends can be read: IPv6 talks by itself.
#[test]
fn frames_pass_both_ways() {
    if !may_create() {
        return;
    }
    let tap = Adapter::create(Kind::Tap, Some("wftdev2")).unwrap();
    link::set_up("wftdev2", true).unwrap();
    let zero = [0; VNET_LEN];
    let mut arp = [0u8; 42];
    arp[..6].fill(0xff);
    arp[12..14].copy_from_slice(&[8, 6]);
    tap.send(&[
        IoSlice::new(&zero),
        IoSlice::new(&arp[..14]),
        IoSlice::new(&arp[14..]),
    ])
    .unwrap();
    let received = std::fs::read_to_string("/sys/class/net/wftdev2/statistics/rx_packets").unwrap();
    assert_eq!(received.trim(), "1");
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(5);
    let frame = loop {
        if let Some(frame) = receive(&tap).pop() {
            break frame;
        }
        assert!(std::time::Instant::now() < deadline, "the kernel sent nothing");
        std::thread::yield_now();
    };
    assert_eq!(frame[..VNET_LEN], zero);
    assert_eq!(frame[VNET_LEN + 12..VNET_LEN + 14], [0x86, 0xdd]);
}
