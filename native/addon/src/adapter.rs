//! The classes `Tap` and `Tun`, with the shape that users of node-tuntap2 know.

use crate::error::{Result, bad, coded, of_device};
use crate::{parse, sys};
use napi::bindgen_prelude::{AsyncTask, Uint8Array};
use napi::{Env, Task};
use napi_derive::napi;
use std::collections::BTreeSet;
use std::io::{self, IoSlice};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use weft_device::{Adapter, Device, FRAME_BUFFER, Kind, VNET_LEN, link};

/// A read looks this often whether its adapter was released, ms.
const LOOK_EVERY_MS: i32 = 50;
const GONE: &str = "The adapter was released.";

/// Descriptors that belong to living `Tap` and `Tun` objects.
static OWN: Mutex<BTreeSet<i32>> = Mutex::new(BTreeSet::new());
/// The environment is going away: reads end.
static ENDING: AtomicBool = AtomicBool::new(false);

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether a descriptor belongs to one of our objects.
pub fn is_own(fd: i32) -> bool {
    lock(&OWN).contains(&fd)
}

#[napi(object)]
pub struct AdapterOptions {
    pub name: Option<String>,
}

/// What an object shares with its reads and writes.
struct Inner {
    adapter: Adapter,
    released: AtomicBool,
}

impl Drop for Inner {
    fn drop(&mut self) {
        lock(&OWN).remove(&self.adapter.raw_fd());
    }
}

pub struct ReadTask(Arc<Inner>);

impl Task for ReadTask {
    type Output = Vec<u8>;
    type JsValue = Uint8Array;

    fn compute(&mut self) -> napi::Result<Vec<u8>> {
        let (mut buffers, mut lengths) = ([vec![0; FRAME_BUFFER]], [0]);
        while !self.0.released.load(Relaxed) && !ENDING.load(Relaxed) {
            if !sys::wait_readable(self.0.adapter.raw_fd(), LOOK_EVERY_MS) {
                continue;
            }
            let n = self.0.adapter.recv_batch(&mut buffers, &mut lengths);
            if n.map_err(|e| napi::Error::from_reason(format!("Reading the adapter failed: {e}.")))? == 1 {
                return Ok(buffers[0][VNET_LEN..lengths[0].max(VNET_LEN)].to_vec());
            }
        }
        Err(napi::Error::from_reason(GONE))
    }

    fn resolve(&mut self, _env: Env, output: Vec<u8>) -> napi::Result<Uint8Array> {
        Ok(output.into())
    }
}

pub struct WriteTask(Arc<Inner>, Vec<u8>);

impl Task for WriteTask {
    type Output = ();
    type JsValue = ();

    fn compute(&mut self) -> napi::Result<()> {
        let parts = [IoSlice::new(&[0; VNET_LEN]), IoSlice::new(&self.1)];
        let sent: io::Result<()> = self.0.adapter.send(&parts);
        sent.map_err(|e| napi::Error::from_reason(format!("Writing to the adapter failed: {e}.")))
    }

    fn resolve(&mut self, _env: Env, (): ()) -> napi::Result<()> {
        Ok(())
    }
}

fn create(env: &Env, kind: Kind, options: Option<AdapterOptions>) -> Result<Mutex<Option<Arc<Inner>>>> {
    let name = options.and_then(|o| o.name);
    let adapter = Adapter::create(kind, name.as_deref()).map_err(of_device)?;
    lock(&OWN).insert(adapter.raw_fd());
    // A read in the thread pool would otherwise hold up the end of the process. Refused only when it ends already.
    let _ = env.add_env_cleanup_hook((), |()| ENDING.store(true, Relaxed));
    let inner = Inner {
        adapter,
        released: AtomicBool::new(false),
    };
    Ok(Mutex::new(Some(Arc::new(inner))))
}

fn text<A: ToString>((address, prefix): (A, u8)) -> String {
    format!("{}/{prefix}", address.to_string())
}

macro_rules! adapter_class {
    ($class:ident, $kind:expr) => {
        #[napi]
        pub struct $class(Mutex<Option<Arc<Inner>>>);

        #[napi]
        impl $class {
            #[napi(constructor)]
            pub fn new(env: Env, options: Option<AdapterOptions>) -> Result<Self> {
                create(&env, $kind, options).map($class)
            }

            // Calls that wait (reads) borrow the object, so nothing may borrow it mutably.
            fn inner(&self) -> Result<Arc<Inner>> {
                lock(&self.0)
                    .clone()
                    .ok_or_else(|| coded("adapter-lost", GONE))
            }

            fn link_name(&self) -> Result<String> {
                self.inner().map(|i| i.adapter.name().to_string())
            }

            #[napi(getter)]
            pub fn name(&self) -> Result<String> {
                self.link_name()
            }

            #[napi(getter)]
            pub fn fd(&self) -> Result<i32> {
                self.inner().map(|i| i.adapter.raw_fd())
            }

            #[napi(getter)]
            pub fn mac(&self) -> Result<String> {
                let mac = link::mac(&self.link_name()?).map_err(of_device)?;
                Ok(mac.map(|b| format!("{b:02x}")).join(":"))
            }

            #[napi(setter)]
            pub fn set_mac(&self, mac: String) -> Result<()> {
                link::set_mac(&self.link_name()?, parse::mac(&mac)?).map_err(of_device)
            }

            #[napi(getter)]
            pub fn mtu(&self) -> Result<u32> {
                link::mtu(&self.link_name()?).map_err(of_device)
            }

            #[napi(setter)]
            pub fn set_mtu(&self, mtu: u32) -> Result<()> {
                link::set_mtu(&self.link_name()?, mtu).map_err(of_device)
            }

            /// Empty without an address.
            #[napi(getter)]
            pub fn ipv4(&self) -> Result<String> {
                let address = link::ipv4(&self.link_name()?).map_err(of_device)?;
                Ok(address.map(text).unwrap_or_default())
            }

            #[napi(setter)]
            pub fn set_ipv4(&self, address: String) -> Result<()> {
                let (address, prefix) = parse::with_prefix::<Ipv4Addr>(&address)?;
                link::set_ipv4(&self.link_name()?, address, prefix).map_err(of_device)
            }

            /// The first address, link-local ones last; empty without one.
            #[napi(getter)]
            pub fn ipv6(&self) -> Result<String> {
                let addresses = link::ipv6(&self.link_name()?).map_err(of_device)?;
                Ok(addresses.into_iter().next().map(text).unwrap_or_default())
            }

            /// Adds the address; takes the place of another one of the same scope.
            #[napi(setter)]
            pub fn set_ipv6(&self, address: String) -> Result<()> {
                let (wanted, prefix) = parse::with_prefix::<Ipv6Addr>(&address)?;
                let name = &self.link_name()?;
                let local = wanted.is_unicast_link_local();
                link::add_ipv6(name, wanted, prefix).map_err(of_device)?;
                for (old, prefix) in link::ipv6(name).map_err(of_device)? {
                    if old != wanted && old.is_unicast_link_local() == local {
                        link::remove_ipv6(name, old, prefix).map_err(of_device)?;
                    }
                }
                Ok(())
            }

            #[napi(getter)]
            pub fn is_up(&self) -> Result<bool> {
                link::is_up(&self.link_name()?).map_err(of_device)
            }

            #[napi(setter)]
            pub fn set_is_up(&self, up: bool) -> Result<()> {
                link::set_up(&self.link_name()?, up).map_err(of_device)
            }

            #[napi]
            pub fn read(&self) -> Result<AsyncTask<ReadTask>> {
                Ok(AsyncTask::new(ReadTask(self.inner()?)))
            }

            #[napi]
            pub fn write(&self, packet: Uint8Array) -> Result<AsyncTask<WriteTask>> {
                if packet.len() > FRAME_BUFFER - VNET_LEN {
                    return Err(bad("The packet is longer than any adapter's."));
                }
                Ok(AsyncTask::new(WriteTask(self.inner()?, packet.to_vec())))
            }

            /// Deletes the interface unless the data plane or somebody else holds it too.
            #[napi]
            pub fn release(&self) {
                if let Some(inner) = lock(&self.0).take() {
                    inner.released.store(true, Relaxed);
                }
            }
        }
    };
}

adapter_class!(Tap, Kind::Tap);
adapter_class!(Tun, Kind::Tun);
