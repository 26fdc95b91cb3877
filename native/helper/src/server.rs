//! The socket: who may ask, one thread a connection, and when it is time to end.
use crate::adapters::{Adapters, Owner};
use crate::request::{self, Envelope, LINE_BYTES_MAX, Refusal, VERSION, Verb};
use crate::{mirror, resolver, sys, watch, web};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::socket::{
    ControlMessage, MsgFlags, UnixCredentials, getsockopt, sendmsg, sockopt::PeerCredentials,
};
use nix::sys::stat::{Mode, umask};
use std::collections::BTreeMap;
use std::io::{self, IoSlice, Read};
use std::net::UdpSocket;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

const GRACE_SECONDS: u64 = 60;
/// Connections at once of each user, so that nobody can keep the others out, and of all.
const USER_CONNECTIONS_MAX: usize = 16;
const CONNECTIONS_MAX: usize = 64;
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// With nothing held and nobody connected for this long it ends.
const IDLE_TIMEOUT: Duration = Duration::from_secs(10);
const TICK: Duration = Duration::from_millis(250);
const SOCKET_GROUP: &str = "weft";

pub struct Options {
    socket: PathBuf,
    uid: Option<u32>,
    grace: Duration,
}

impl Options {
    pub fn parse(mut args: impl Iterator<Item = String>) -> Result<Options, String> {
        if args.next().as_deref() != Some("serve") {
            return Err("what shall I do?".into());
        }
        let mut socket = None;
        let mut uid = None;
        let mut grace = GRACE_SECONDS;
        while let Some(flag) = args.next() {
            let value = args.next().ok_or_else(|| format!("{flag} needs a value"))?;
            let number = || value.parse::<u32>().map_err(|_| format!("{flag} needs a number"));
            match flag.as_str() {
                "--socket" => socket = Some(PathBuf::from(&value)),
                "--uid" => uid = Some(number()?),
                "--grace" => grace = u64::from(number()?),
                _ => return Err(format!("unknown option {flag}")),
            }
        }
        Ok(Options {
            socket: socket.ok_or("--socket is missing")?,
            uid,
            grace: Duration::from_secs(grace),
        })
    }
}

struct Helper {
    adapters: Mutex<Adapters>,
    /// Open connections by user.
    connections: Mutex<BTreeMap<u32, usize>>,
    last_used: Mutex<Instant>,
    uid: Option<u32>,
}

impl Helper {
    /// A thread that panicked must not stop the others: the state is consistent between requests.
    fn adapters(&self) -> MutexGuard<'_, Adapters> {
        self.adapters
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn connections(&self) -> MutexGuard<'_, BTreeMap<u32, usize>> {
        self.connections
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn touch(&self) {
        *self
            .last_used
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner) = Instant::now();
    }

    fn idle(&self) -> Duration {
        self.last_used
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .elapsed()
    }
}

pub fn run(options: &Options) -> ExitCode {
    let activated = sys::passed_socket();
    let own_socket = activated.is_none();
    let listener = match activated.map_or_else(|| bind(options), |fd| Ok(UnixListener::from(fd))) {
        Ok(listener) => listener,
        Err(error) => {
            eprintln!(
                "weft-helper: cannot listen on {}: {error}",
                options.socket.display()
            );
            return ExitCode::FAILURE;
        }
    };
    if let Err(error) = listener.set_nonblocking(true) {
        eprintln!("weft-helper: {error}");
        return ExitCode::FAILURE;
    }
    let ends = match ends() {
        Ok(ends) => ends,
        Err(error) => {
            eprintln!("weft-helper: {error}");
            return ExitCode::FAILURE;
        }
    };
    println!("ready");
    let helper = Arc::new(Helper {
        adapters: Mutex::default(),
        connections: Mutex::default(),
        last_used: Mutex::new(Instant::now()),
        uid: options.uid,
    });
    serve(&listener, &ends, &helper, options.grace);
    for name in helper.adapters().names() {
        resolver::clear(&name);
    }
    if own_socket {
        let _ = std::fs::remove_file(&options.socket);
    }
    ExitCode::SUCCESS
}

/// Told to end (by systemd, an uninstall or a person), it withdraws names first; adapters go with the process. Blocked before any
/// thread starts, so that none of them is ended instead.
fn ends() -> nix::Result<SignalFd> {
    let mut signals = SigSet::empty();
    signals.add(Signal::SIGTERM);
    signals.add(Signal::SIGINT);
    signals.thread_block()?;
    SignalFd::with_flags(&signals, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)
}

fn serve(listener: &UnixListener, ends: &SignalFd, helper: &Arc<Helper>, grace: Duration) {
    while !matches!(ends.read_signal(), Ok(Some(_))) {
        match listener.accept() {
            Ok((stream, _)) => spawn(stream, helper),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => wait(listener, ends),
            Err(_) => std::thread::sleep(TICK),
        }
        for name in helper.adapters().expire(grace) {
            resolver::clear(&name);
        }
        if !helper.connections().is_empty() || !helper.adapters().is_empty() {
            helper.touch();
        } else if helper.idle() > IDLE_TIMEOUT {
            return;
        }
    }
}

fn wait(listener: &UnixListener, ends: &SignalFd) {
    use nix::poll::{PollFd, PollFlags, poll};
    use std::os::fd::AsFd;
    let mut fds = [listener.as_fd(), ends.as_fd()].map(|fd| PollFd::new(fd, PollFlags::POLLIN));
    let _ = poll(&mut fds, TICK.as_millis() as u16);
}

/// A socket for the one user (and root); whatever had the path is gone: its process does not answer.
fn bind(options: &Options) -> io::Result<UnixListener> {
    let path: &Path = &options.socket;
    if UnixStream::connect(path).is_ok() {
        return Err(io::Error::new(
            io::ErrorKind::AddrInUse,
            "another helper answers there",
        ));
    }
    if std::fs::symlink_metadata(path)
        .is_ok_and(|found| !std::os::unix::fs::FileTypeExt::is_socket(&found.file_type()))
    {
        return Err(io::Error::new(
            io::ErrorKind::AlreadyExists,
            "that path is no socket",
        ));
    }
    let _ = std::fs::remove_file(path);
    // Nobody else may connect, from the first moment on; and what a user may have put there meanwhile must not be given away.
    let before = umask(Mode::from_bits_truncate(0o177));
    let bound = UnixListener::bind(path);
    umask(before);
    if let (Ok(_), Some(uid)) = (&bound, options.uid) {
        std::os::unix::fs::lchown(path, Some(uid), None)?;
    }
    bound
}

fn spawn(stream: UnixStream, helper: &Arc<Helper>) {
    let _ = stream.set_nonblocking(false);
    let _ = stream.set_read_timeout(Some(REQUEST_TIMEOUT));
    let _ = stream.set_write_timeout(Some(REQUEST_TIMEOUT));
    let Ok(peer) = getsockopt(&stream, PeerCredentials) else {
        return;
    };
    let Some(place) = Place::take(helper, peer.uid()) else {
        let why = "too many connections at once";
        return answer(&stream, Err(Refusal::new("helper-refused", why)));
    };
    std::thread::spawn(move || {
        place.0.touch();
        connection(&stream, peer, &place.0);
    });
}

/// A counted connection of a user.
struct Place(Arc<Helper>, u32);

impl Place {
    /// `None`: this user, or all together, have too many.
    fn take(helper: &Arc<Helper>, uid: u32) -> Option<Place> {
        let mut open = helper.connections();
        let all: usize = open.values().sum();
        let own = open.get(&uid).copied().unwrap_or(0);
        if own >= USER_CONNECTIONS_MAX || all >= CONNECTIONS_MAX {
            return None;
        }
        open.insert(uid, own + 1);
        Some(Place(Arc::clone(helper), uid))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.touch();
        let mut open = self.0.connections();
        let left = open.get(&self.1).map_or(0, |own| own - 1);
        if left == 0 {
            open.remove(&self.1);
        } else {
            open.insert(self.1, left);
        }
    }
}

/// One request; `hold` stays until the other end closes.
fn connection(stream: &UnixStream, peer: UnixCredentials, helper: &Helper) {
    // Read first: who is still writing when this closes would not see why.
    let line = read_line(stream);
    if !allowed(peer.uid(), peer.gid(), helper.uid) {
        let why = "this user may not use Weft’s helper";
        return answer(stream, Err(Refusal::new("helper-refused", why)));
    }
    let parsed = line.and_then(|line| request::parse(&line));
    match parsed {
        Err(refusal) => answer(stream, Err(refusal)),
        Ok(envelope) => {
            let owner = Owner {
                uid: peer.uid(),
                engine: envelope.owner.clone(),
            };
            if matches!(envelope.verb, Verb::Hold {}) {
                hold(stream, helper, &owner);
            } else {
                answer(stream, act(helper, &owner, envelope));
            }
        }
    }
}

fn hold(mut stream: &UnixStream, helper: &Helper, owner: &Owner) {
    helper.adapters().hold(owner);
    answer(stream, Ok((serde_json::json!({}), None)));
    let _ = stream.set_read_timeout(None);
    let mut rest = [0u8; 64];
    while stream.read(&mut rest).is_ok_and(|n| n > 0) {}
    helper.adapters().release(owner);
}

/// Root, the user it was started for, or (started by systemd) members of group `weft`.
fn allowed(uid: u32, gid: u32, only: Option<u32>) -> bool {
    if uid == 0 || only == Some(uid) {
        return true;
    }
    if only.is_some() {
        return false;
    }
    let Ok(Some(group)) = nix::unistd::Group::from_name(SOCKET_GROUP) else {
        return false;
    };
    let named = nix::unistd::User::from_uid(uid.into())
        .ok()
        .flatten()
        .map(|user| user.name);
    group.gid.as_raw() == gid || named.is_some_and(|name| group.mem.contains(&name))
}

fn read_line(mut stream: &UnixStream) -> Result<Vec<u8>, Refusal> {
    let mut line = Vec::new();
    let mut chunk = [0u8; 4096];
    let started = Instant::now();
    loop {
        let count = match stream.read(&mut chunk) {
            // Stopped and continued.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            read => read.map_err(|_| request::bad("no request came"))?,
        };
        let end = chunk[..count].iter().position(|&b| b == b'\n');
        line.extend_from_slice(&chunk[..end.unwrap_or(count)]);
        if line.len() > LINE_BYTES_MAX {
            return Err(request::bad("the request is too long"));
        }
        if end.is_some() {
            return Ok(line);
        }
        if count == 0 || started.elapsed() > REQUEST_TIMEOUT {
            return Err(request::bad("the request was cut off"));
        }
    }
}

type Done = Result<(serde_json::Value, Option<OwnedFd>), Refusal>;

fn act(helper: &Helper, owner: &Owner, envelope: Envelope) -> Done {
    let nothing = || Ok((serde_json::json!({}), None));
    match envelope.verb {
        Verb::Open(spec) => {
            let fd = helper.adapters().open(owner, request::adapter(&spec)?)?;
            Ok((serde_json::json!({ "name": spec.name }), Some(fd)))
        }
        Verb::Carrier { name, on } => {
            helper
                .adapters()
                .carrier(owner, request::adapter_name(&name)?, on)?;
            nothing()
        }
        Verb::Address(spec) => {
            helper.adapters().readdress(owner, &request::adapter(&spec)?)?;
            nothing()
        }
        Verb::Close { name } => {
            helper.adapters().close(owner, request::adapter_name(&name)?)?;
            resolver::clear(&name);
            nothing()
        }
        Verb::Dns(spec) => {
            helper
                .adapters()
                .is_own(owner, request::adapter_name(&spec.name)?)?;
            Ok((serde_json::json!({ "by": resolver::set(&spec)? }), None))
        }
        Verb::DnsClear { name } => {
            helper.adapters().is_own(owner, request::adapter_name(&name)?)?;
            resolver::clear(&name);
            nothing()
        }
        Verb::Bind { address, port, proto } => {
            let address = request::overlay_address(&address)?;
            if port != 53 || proto != "udp" || !helper.adapters().has_address(owner, address) {
                return Err(request::bad("only UDP port 53 of an own overlay address"));
            }
            let socket = UdpSocket::bind((address, port))
                .map_err(|e| Refusal::new("port-taken", format!("{address}:{port}: {e}")))?;
            Ok((serde_json::json!({}), Some(socket.into())))
        }
        Verb::Web { address } => Ok((serde_json::json!({}), Some(web::listen(&address)?))),
        Verb::Watch { groups } => Ok((serde_json::json!({}), Some(watch::start(&groups)?))),
        Verb::Mirror { name, entries } => {
            helper.adapters().is_own(owner, request::adapter_name(&name)?)?;
            mirror::set(&name, &entries)?;
            nothing()
        }
        Verb::Status {} => {
            let names = helper.adapters().names();
            Ok((serde_json::json!({ "version": VERSION, "adapters": names }), None))
        }
        Verb::Hold {} => nothing(),
    }
}

fn answer(stream: &UnixStream, done: Done) {
    let (value, fd) = match done {
        Ok((value, fd)) => (serde_json::json!({ "ok": true, "value": value }), fd),
        Err(refusal) => (
            serde_json::json!({ "ok": false, "code": refusal.code, "why": refusal.why }),
            None,
        ),
    };
    let text = format!("{value}\n");
    let fds: Vec<i32> = fd.iter().map(AsRawFd::as_raw_fd).collect();
    let rights = [ControlMessage::ScmRights(&fds)];
    let control = if fds.is_empty() { &rights[..0] } else { &rights[..] };
    let _ = sendmsg::<()>(
        stream.as_raw_fd(),
        &[IoSlice::new(text.as_bytes())],
        control,
        MsgFlags::MSG_NOSIGNAL,
        None,
    );
}
