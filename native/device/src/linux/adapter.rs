//! A TAP or TUN with virtio-net headers.

use super::sys;
use crate::{Device, DeviceError, ErrorCode, Features, Kind, Offloads, VNET_LEN};
use std::io::{self, IoSlice};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

/// An open adapter; the interface goes with its last descriptor.
#[derive(Debug)]
pub struct Adapter {
    fd: OwnedFd,
    name: String,
    kind: Kind,
    features: Features,
}

/// What to ask for, best first: kernels before 6.2 have no USO, odd ones no ECN. The last always works.
const OFFERS: [(u32, Features); 5] = {
    const TSO: u32 = sys::TUN_F_CSUM | sys::TUN_F_TSO4 | sys::TUN_F_TSO6;
    const fn features(checksum: bool, tcp: bool, udp: bool) -> Features {
        Features { checksum, tcp, udp }
    }
    [
        (
            TSO | sys::TUN_F_TSO_ECN | sys::TUN_F_USO4 | sys::TUN_F_USO6,
            features(true, true, true),
        ),
        (TSO | sys::TUN_F_TSO_ECN, features(true, true, false)),
        (TSO, features(true, true, false)),
        (sys::TUN_F_CSUM, features(true, false, false)),
        (0, features(false, false, false)),
    ]
};

fn check_name(name: &str) -> Result<(), DeviceError> {
    let fits = (1..=sys::NAME_MAX).contains(&name.len())
        && !matches!(name, "." | "..")
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
    let message = || {
        format!(
            "“{name}” is no adapter name: up to {} letters, digits, -, _ and dots.",
            sys::NAME_MAX
        )
    };
    if fits {
        Ok(())
    } else {
        Err(DeviceError::new(ErrorCode::BadArgument, message()))
    }
}

fn open_error(error: &io::Error) -> DeviceError {
    match error.kind() {
        io::ErrorKind::NotFound => DeviceError::new(
            ErrorCode::NoTun,
            "/dev/net/tun is missing: load the tun module (modprobe tun) or allow the device in the container.",
        ),
        _ => match error.raw_os_error() {
            Some(libc::ENODEV | libc::ENXIO) => DeviceError::new(
                ErrorCode::NoTun,
                "/dev/net/tun has no driver: load the tun module (modprobe tun).",
            ),
            _ => DeviceError::from_io("opening /dev/net/tun", error),
        },
    }
}

fn create_error(name: Option<&str>, error: &io::Error) -> DeviceError {
    let name = name.unwrap_or("(any)");
    match error.raw_os_error() {
        Some(libc::EBUSY | libc::EEXIST) => DeviceError::new(
            ErrorCode::NameTaken,
            format!("The adapter name {name} is taken: remove that device or choose another name."),
        ),
        // A name of an interface that is no TAP or TUN.
        Some(libc::EINVAL) => DeviceError::new(
            ErrorCode::NameTaken,
            format!("The name {name} belongs to another kind of device: choose another name."),
        ),
        _ => DeviceError::from_io(&format!("creating the adapter {name}"), error),
    }
}

impl Adapter {
    /// Makes an interface, down, without addresses and offloads. `name`: the kernel picks "tap0" or the like when absent.
    ///
    /// # Errors
    /// `no-tun`, `no-rights`, `name-taken`, `bad-argument`.
    pub fn create(kind: Kind, name: Option<&str>) -> Result<Adapter, DeviceError> {
        if let Some(name) = name {
            check_name(name)?;
        }
        let fd = sys::open_tun().map_err(|e| open_error(&e))?;
        let name = sys::create(fd.as_fd(), kind == Kind::Tap, name.unwrap_or(""))
            .map_err(|e| create_error(name, &e))?;
        let mut adapter = Adapter {
            fd,
            name,
            kind,
            features: Features::default(),
        };
        adapter.set_offloads(Offloads::None)?;
        Ok(adapter)
    }

    /// Takes over a descriptor that somebody else has set up as [`Adapter::create`] does.
    ///
    /// # Errors
    /// `bad-argument` when it is no adapter or its frames have another shape; `adapter-lost` when its interface was deleted.
    pub fn from_fd(fd: OwnedFd, offloads: Offloads) -> Result<Adapter, DeviceError> {
        let (name, tap, fits) = sys::describe(fd.as_fd()).map_err(|error| match error.raw_os_error() {
            Some(libc::EBADFD) => DeviceError::new(ErrorCode::AdapterLost, "The adapter was deleted."),
            _ => DeviceError::new(ErrorCode::BadArgument, "The descriptor is no TAP or TUN."),
        })?;
        if !fits {
            let message = format!("{name} has no virtio-net header (IFF_VNET_HDR and IFF_NO_PI are needed).");
            return Err(DeviceError::new(ErrorCode::BadArgument, message));
        }
        sys::set_nonblocking(fd.as_fd())
            .map_err(|e| DeviceError::from_io("making the adapter non-blocking", &e))?;
        let kind = if tap { Kind::Tap } else { Kind::Tun };
        let mut adapter = Adapter {
            fd,
            name,
            kind,
            features: Features::default(),
        };
        adapter.set_offloads(offloads)?;
        Ok(adapter)
    }

    /// Always sets the mask: it belongs to the interface, so one left by an earlier user would corrupt what we read.
    ///
    /// # Errors
    /// `internal` when the kernel refuses even "none".
    pub fn set_offloads(&mut self, offloads: Offloads) -> Result<Features, DeviceError> {
        let failed = |e: io::Error| DeviceError::from_io("setting the adapter's offloads", &e);
        sys::set_vnet_header_len(self.fd.as_fd(), VNET_LEN).map_err(failed)?;
        let offers = if offloads == Offloads::None {
            &OFFERS[OFFERS.len() - 1..]
        } else {
            &OFFERS[..]
        };
        let mut last = None;
        for (mask, features) in offers {
            match sys::set_offload(self.fd.as_fd(), *mask) {
                Ok(()) => {
                    self.features = *features;
                    return Ok(*features);
                }
                Err(error) => last = Some(error),
            }
        }
        Err(failed(last.unwrap_or_else(|| io::ErrorKind::Unsupported.into())))
    }

    /// Plugs or unplugs the cable, as applications see it. Interfaces that are down refuse.
    ///
    /// # Errors
    /// `internal`, `no-rights`.
    pub fn set_carrier(&self, on: bool) -> Result<(), DeviceError> {
        sys::set_carrier(self.fd.as_fd(), on)
            .map_err(|e| DeviceError::from_io("setting the adapter's carrier", &e))
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn kind(&self) -> Kind {
        self.kind
    }
}

impl AsFd for Adapter {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Device for Adapter {
    fn recv_batch(&self, buffers: &mut [Vec<u8>], lengths: &mut [usize]) -> io::Result<usize> {
        for (i, buffer) in buffers.iter_mut().enumerate() {
            match sys::read(self.fd.as_fd(), buffer) {
                Ok(0) if i == 0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(0) => return Ok(i),
                Ok(n) => lengths[i] = n,
                Err(e) if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {
                    return Ok(i);
                }
                Err(e) if i == 0 => return Err(e),
                Err(_) => return Ok(i),
            }
        }
        Ok(buffers.len())
    }

    fn send(&self, parts: &[IoSlice<'_>]) -> io::Result<()> {
        loop {
            match sys::write_vectored(self.fd.as_fd(), parts) {
                Ok(_) => return Ok(()),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
    }

    fn features(&self) -> Features {
        self.features
    }

    fn raw_fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }
}
