//! A marked block in /etc/hosts, for machines without a resolver service. Other lines are never touched, whatever bytes they hold.
use nix::fcntl::{Flock, FlockArg};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::time::{Duration, Instant};

pub const PATH: &str = "/etc/hosts";
/// Helpers wait for one another this long. Anybody may lock a folder, so nobody may make them wait for ever.
const TURN_MAX: Duration = Duration::from_secs(1);
const TURN_LOOK: Duration = Duration::from_millis(5);

fn marks(adapter: &str) -> (String, String) {
    (format!("# weft:{adapter} begin"), format!("# weft:{adapter} end"))
}

/// The text with this adapter's block replaced; no entries removes it. A mark without its other end is dropped alone.
pub fn edited(text: &[u8], adapter: &str, entries: &[(String, String)]) -> Vec<u8> {
    let (begin, end) = marks(adapter);
    let is = |line: &[u8], mark: &str| line == mark.as_bytes();
    let mut lines: Vec<&[u8]> = text.split(|byte| *byte == b'\n').collect();
    if lines.last().is_some_and(|last| last.is_empty()) {
        lines.pop();
    }
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(line) = lines.get(at) {
        if is(line, &begin) {
            // The block ends before the next begin: what follows a lone mark is somebody's.
            let rest = &lines[at + 1..];
            let close = rest.iter().position(|line| is(line, &begin) || is(line, &end));
            at += close
                .filter(|found| is(rest[*found], &end))
                .map_or(1, |found| found + 2);
            continue;
        }
        if !is(line, &end) {
            out.extend_from_slice(line);
            out.push(b'\n');
        }
        at += 1;
    }
    if !entries.is_empty() {
        let block = entries
            .iter()
            .map(|(address, name)| format!("{address}\t{name}\n"));
        out.extend(format!("{begin}\n{}{end}\n", block.collect::<String>()).into_bytes());
    }
    out
}

/// Replaces the block. Written beside and renamed, so that a full disk or a crash leaves the old file; where /etc/hosts is a
/// mount of its own (containers, hardened units) it is rewritten in place.
pub fn write(path: &Path, adapter: &str, entries: &[(String, String)]) -> io::Result<()> {
    // A link to the real file stays a link.
    let path = &fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let _turn = turn(path);
    let text = match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        read => read?,
    };
    let new = edited(&text, adapter, entries);
    if new == text {
        return Ok(());
    }
    match replace(path, &new) {
        Err(error) if is_mount(&error) => in_place(path, &text, &new),
        done => done,
    }
}

/// Networks, and helpers of several users or namespaces, change the file at the same time, and each edit reads it first: a lock on
/// its folder lets one at a time. `None`: it did not come in time.
fn turn(path: &Path) -> Option<Flock<File>> {
    let mut folder = File::open(path.parent()?).ok()?;
    let end = Instant::now() + TURN_MAX;
    loop {
        match Flock::lock(folder, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => return Some(lock),
            Err((back, _)) if Instant::now() < end => folder = back,
            Err(_) => return None,
        }
        std::thread::sleep(TURN_LOOK);
    }
}

/// The folder cannot be written to, or the file cannot be renamed over: it is mounted.
fn is_mount(error: &io::Error) -> bool {
    use io::ErrorKind::{CrossesDevices, PermissionDenied, ReadOnlyFilesystem, ResourceBusy};
    matches!(
        error.kind(),
        CrossesDevices | PermissionDenied | ReadOnlyFilesystem | ResourceBusy
    )
}

fn replace(path: &Path, new: &[u8]) -> io::Result<()> {
    let draft = path.with_extension(format!("weft-{}", std::process::id()));
    let written = File::create(&draft).and_then(|mut file| {
        file.write_all(new)?;
        if let Ok(old) = fs::metadata(path) {
            file.set_permissions(old.permissions())?;
        }
        file.sync_all()
    });
    let renamed = written.and_then(|()| fs::rename(&draft, path));
    if renamed.is_err() {
        let _ = fs::remove_file(&draft);
    }
    renamed
}

/// Puts the old text back when the new one does not fit.
fn in_place(path: &Path, old: &[u8], new: &[u8]) -> io::Result<()> {
    let put = |text: &[u8]| {
        let mut file = OpenOptions::new().write(true).open(path)?;
        file.write_all(text)?;
        file.set_len(text.len() as u64)?;
        file.sync_all()
    };
    put(new).inspect_err(|_| {
        let _ = put(old);
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(list: &[(&str, &str)]) -> Vec<(String, String)> {
        list.iter().map(|&(a, n)| (a.into(), n.into())).collect()
    }

    fn text(bytes: &[u8]) -> String {
        String::from_utf8_lossy(bytes).into_owned()
    }

    #[test]
    fn replaces_only_its_own_block() {
        let start = b"127.0.0.1 localhost\n# mine\n";
        let one = edited(start, "weft0", &entries(&[("10.1.2.3", "anna.home.weft")]));
        let two = edited(&one, "weft1", &entries(&[("10.9.2.3", "anna.club.weft")]));
        let three = edited(&two, "weft0", &entries(&[("10.1.2.4", "ben.home.weft")]));
        assert!(three.starts_with(start));
        let shown = text(&three);
        assert!(shown.contains("10.1.2.4\tben.home.weft") && !shown.contains("10.1.2.3"));
        assert!(shown.contains("10.9.2.3\tanna.club.weft"));
        assert_eq!(edited(&edited(&three, "weft0", &[]), "weft1", &[]), start);
    }

    #[test]
    fn keeps_everything_when_a_mark_is_missing() {
        let broken = b"# weft:weft0 begin\n10.0.0.1 important\n";
        assert_eq!(edited(broken, "weft0", &[]), b"10.0.0.1 important\n");
        let twice =
            b"# weft:weft0 begin\n10.0.0.1 important\n# weft:weft0 begin\n10.0.0.2 old\n# weft:weft0 end\n";
        assert_eq!(edited(twice, "weft0", &[]), b"10.0.0.1 important\n");
    }

    #[test]
    fn keeps_lines_that_are_no_text() {
        let latin = b"127.0.0.1 localhost # caf\xe9\r\n10.0.0.9 printer";
        let named = edited(latin, "weft0", &entries(&[("10.1.2.3", "anna.home.weft")]));
        assert!(named.starts_with(latin));
        assert_eq!(edited(&named, "weft0", &[]), [&latin[..], b"\n"].concat());
    }

    #[test]
    fn a_full_disk_or_an_unreadable_file_costs_nothing() {
        let folder = std::env::temp_dir().join(format!("weft-hosts-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join("hosts");
        fs::write(&path, "127.0.0.1 localhost\n").unwrap();
        // No draft can be made where a folder has its name.
        let draft = path.with_extension(format!("weft-{}", std::process::id()));
        fs::create_dir_all(draft.join("taken")).unwrap();
        let names = entries(&[("10.1.2.3", "anna.home.weft")]);
        assert!(write(&path, "weft0", &names).is_err());
        assert_eq!(fs::read(&path).unwrap(), b"127.0.0.1 localhost\n");
        fs::remove_dir_all(draft).unwrap();
        write(&path, "weft0", &names).unwrap();
        assert!(text(&fs::read(&path).unwrap()).contains("anna.home.weft"));
        assert!(
            write(&folder, "weft0", &names).is_err(),
            "a folder is not read as an empty file"
        );
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn edits_at_the_same_time_lose_nothing_and_links_stay_links() {
        let folder = std::env::temp_dir().join(format!("weft-hosts-many-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let (path, link) = (folder.join("hosts"), folder.join("link"));
        fs::write(&path, "127.0.0.1 localhost\n").unwrap();
        std::os::unix::fs::symlink(&path, &link).unwrap();
        std::thread::scope(|scope| {
            for n in 0..8 {
                let link = &link;
                scope.spawn(move || {
                    for round in 0..20 {
                        let one = entries(&[("10.1.2.3", &format!("round{round}.net{n}.weft"))]);
                        write(link, &format!("weft{n}"), &one).unwrap();
                    }
                });
            }
        });
        let all = text(&fs::read(&path).unwrap());
        for n in 0..8 {
            assert!(all.contains(&format!("round19.net{n}.weft")), "{all}");
        }
        assert!(all.starts_with("127.0.0.1 localhost\n") && all.lines().count() == 25);
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn nobody_makes_it_wait_for_ever() {
        let folder = std::env::temp_dir().join(format!("weft-hosts-turn-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join("hosts");
        fs::write(&path, "127.0.0.1 localhost\n").unwrap();
        let lock = Flock::lock(File::open(&folder).unwrap(), FlockArg::LockExclusive).unwrap();
        let before = Instant::now();
        write(&path, "weft0", &entries(&[("10.1.2.3", "anna.home.weft")])).unwrap();
        assert!((TURN_MAX..3 * TURN_MAX).contains(&before.elapsed()));
        drop(lock);
        write(&path, "weft0", &[]).unwrap();
        assert!(before.elapsed() < 3 * TURN_MAX);
        fs::remove_dir_all(&folder).unwrap();
    }
}
