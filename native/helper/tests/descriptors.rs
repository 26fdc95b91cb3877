//! Descriptors sent to the helper's socket are neither taken nor kept, and its answers hold none that were not asked for.
#![cfg(target_os = "linux")]

use nix::sys::socket::{ControlMessage, ControlMessageOwned, MsgFlags, recvmsg, sendmsg};
use std::fs::{self, File};
use std::io::{BufRead, BufReader, IoSlice, IoSliceMut};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// As many as one message may carry (SCM_MAX_FD).
const DESCRIPTORS: usize = 253;
const ROUNDS: usize = 20;
const SETTLED_MAX: Duration = Duration::from_secs(5);

struct Helper {
    child: Child,
    folder: PathBuf,
}

impl Helper {
    fn start() -> Helper {
        let folder = std::env::temp_dir().join(format!("weft-helper-fds-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let uid = nix::unistd::getuid().as_raw().to_string();
        let mut child = Command::new(env!("CARGO_BIN_EXE_weft-helper"))
            .args(["serve", "--uid", &uid, "--socket"])
            .arg(folder.join("socket"))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut ready = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut ready)
            .unwrap();
        assert_eq!(ready, "ready\n");
        Helper { child, folder }
    }

    /// Descriptors that the process has open.
    fn open(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.child.id()))
            .unwrap()
            .count()
    }

    /// Sends a request in `pieces`, `descriptors` along with each; returns the answer and how many descriptors came with it.
    fn ask(&self, pieces: &[&str], descriptors: &[i32]) -> (String, usize) {
        let socket = UnixStream::connect(self.folder.join("socket")).unwrap();
        for piece in pieces {
            let text = [IoSlice::new(piece.as_bytes())];
            let rights = [ControlMessage::ScmRights(descriptors)];
            sendmsg::<()>(socket.as_raw_fd(), &text, &rights, MsgFlags::empty(), None).unwrap();
        }
        let mut buffer = [0; 4096];
        let mut space = nix::cmsg_space!([i32; 8]);
        let mut parts = [IoSliceMut::new(&mut buffer)];
        let got = recvmsg::<()>(
            socket.as_raw_fd(),
            &mut parts,
            Some(&mut space),
            MsgFlags::MSG_CMSG_CLOEXEC,
        )
        .unwrap();
        let came = got
            .cmsgs()
            .unwrap()
            .map(|control| match control {
                ControlMessageOwned::ScmRights(list) => list.len(),
                _ => 0,
            })
            .sum();
        let bytes = got.bytes;
        (String::from_utf8_lossy(&buffer[..bytes]).into_owned(), came)
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn request(verb: &str) -> String {
    format!(
        "{{\"v\":1,\"owner\":\"{}\",\"verb\":\"{verb}\"}}\n",
        "a".repeat(32)
    )
}

#[test]
fn sent_descriptors_are_dropped_and_none_comes_back() {
    let helper = Helper::start();
    let status = request("status");
    assert_eq!(helper.ask(&[&status], &[]).1, 0);
    let before = helper.open();
    let secret = File::open("/dev/null").unwrap();
    let many = vec![secret.as_raw_fd(); DESCRIPTORS];
    for _ in 0..ROUNDS {
        let (first, rest) = status.split_at(10);
        let (answer, came) = helper.ask(&[first, rest], &many);
        assert!(answer.contains("\"ok\":true"), "{answer}");
        assert_eq!(came, 0);
        let (answer, came) = helper.ask(&["no request\n"], &many);
        assert!(answer.contains("bad-argument"), "{answer}");
        assert_eq!(came, 0);
    }
    // The connections' own descriptors close a moment later.
    let deadline = Instant::now() + SETTLED_MAX;
    while helper.open() > before && Instant::now() < deadline {
        std::thread::yield_now();
    }
    assert!(helper.open() <= before, "{} were {before}", helper.open());
}

#[test]
fn refuses_options_that_it_does_not_know() {
    let run = |args: &[&str]| {
        let done = Command::new(env!("CARGO_BIN_EXE_weft-helper"))
            .args(args)
            .output()
            .unwrap();
        (
            done.status.code(),
            String::from_utf8_lossy(&done.stderr).into_owned(),
        )
    };
    for args in [
        &[][..],
        &["serve"],
        &["serve", "--socket"],
        &["serve", "--socket", "/tmp/x", "--grace", "soon"],
        &["serve", "--socket", "/tmp/x", "--uid", "-1"],
        &["serve", "--socket", "/tmp/x", "--exec", "id"],
        &["run", "--socket", "/tmp/x"],
    ] {
        let (code, said) = run(args);
        assert_eq!(code, Some(2), "{args:?}: {said}");
        assert!(said.contains("usage:"), "{said}");
    }
}

#[test]
fn takes_no_path_away_that_is_no_socket() {
    let folder = std::env::temp_dir().join(format!("weft-helper-path-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let (file, link) = (folder.join("file"), folder.join("link"));
    fs::write(&file, "precious").unwrap();
    std::os::unix::fs::symlink(&file, &link).unwrap();
    for path in [&file, &link, &folder] {
        let done = Command::new(env!("CARGO_BIN_EXE_weft-helper"))
            .args(["serve", "--socket"])
            .arg(path)
            .output()
            .unwrap();
        assert_eq!(done.status.code(), Some(1));
        assert!(String::from_utf8_lossy(&done.stderr).contains("that path is no socket"));
    }
    assert_eq!(fs::read(&file).unwrap(), b"precious");
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    fs::remove_dir_all(&folder).unwrap();
}
